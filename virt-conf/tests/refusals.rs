//! What is wrong with a domain, in libvirt's words: a fragment and libvirt's sentence a pair of lines.

use std::fmt::Write as _;

use expect_test::expect_file;
use virt_conf::domain::Neutral;
use virt_conf::model::Domain;
use virt_conf::xml::ParseOptions;

#[test]
fn libvirts_sentences() {
    let known = include_str!("data/refusals.txt");
    let mut answers = String::new();
    for line in known.lines().filter(|line| !line.starts_with("    ")) {
        let _ = writeln!(answers, "{line}");
        if line.starts_with('#') {
            continue;
        }
        let os = if line.contains("<os") { "" } else { "<os><type>hvm</type></os>" };
        let text = format!("<domain type='test'><name>a</name><memory>1024</memory>{os}{line}</domain>");
        let answer = match Domain::from_xml(&text, &ParseOptions::inactive(), &Neutral) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let _ = writeln!(answers, "    {answer}");
    }
    expect_file!["data/refusals.txt"].assert_eq(&answers);
}
