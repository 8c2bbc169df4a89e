//! Displays: their passwords are nobody's business.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use virt_core::{DestroyDomain, DomainXml, StartDomain};
use virt_tests::skip;

use crate::lab::{Lab, bare};

const PASSWORD: &str = "sesame42";

/// Whether any file below `directory` holds `text`.
fn holds(directory: &Path, text: &str) -> Vec<String> {
    let files = walkdir::WalkDir::new(directory).into_iter().filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    let found = files.filter(|entry| {
        let content = std::fs::read(entry.path()).unwrap_or_default();
        content.windows(text.len()).any(|part| part == text.as_bytes())
    });
    found.map(|entry| entry.path().display().to_string()).collect()
}

#[test]
fn a_password_opens_the_display_and_shows_nowhere() {
    let vnc = format!(
        "<graphics type='vnc' autoport='yes' passwd='{PASSWORD}'/><video><model type='vga'/></video>"
    );
    let lab = match Lab::new(&bare(&vnc)) {
        Ok(lab) => lab,
        Err(reason) => skip!("{reason}"),
    };
    let plan = lab.domain.plan(StartDomain::PAUSED).expect("planned");
    assert!(!plan.contains(PASSWORD), "{plan}");
    assert!(plan.contains("the password for vnc"), "{plan}");
    lab.domain.start(StartDomain::PAUSED).expect("started");
    let line = std::fs::read_to_string(format!("/proc/{}/cmdline", lab.process())).expect("readable");
    assert!(line.contains("password=on") && !line.contains(PASSWORD), "{line}");
    for place in ["log", "lib", "cache", "run/qemu/guests"] {
        assert_eq!(holds(&lab.scratch.path().join(place), PASSWORD), Vec::<String>::new(), "{place}");
    }
    let xml = lab.domain.xml(DomainXml::empty()).expect("XML");
    assert!(!xml.contains(PASSWORD), "{xml}");
    let secure = lab.domain.xml(DomainXml::SECURE).expect("XML");
    assert!(secure.contains(PASSWORD), "{secure}");
    let port = xml.split_once("port='").and_then(|(_, rest)| rest.split_once('\'')).expect("a port").0;
    let port: u16 = port.parse().expect("a number");
    let mut viewer = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let mut version = [0; 12];
    viewer.read_exact(&mut version).expect("a greeting");
    viewer.write_all(b"RFB 003.008\n").expect("sent");
    let mut types = [0; 2];
    viewer.read_exact(&mut types).expect("ways in");
    // One way in, and it is the password.
    assert_eq!(types, [1, 2]);
    lab.domain.destroy(DestroyDomain::empty()).expect("destroyed");
    lab.assert_clean();
}
