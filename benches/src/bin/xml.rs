//! Domain documents: our reading and writing of them, and the floor, which is `roxmltree`'s bare parse and a write of as
//! much with `xmlwriter`.
//!
//! usage: `xml ours|floor|strict LIST PASSES`
//!
//! LIST names the documents, a path a line. What is printed is the user time that a document takes, the mean of them all.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use roxmltree::{Document, Node};
use virt_benches::{read, texts, write};
use virt_conf::xml::ParseOptions;
use xmlwriter::{Indent, Options, XmlWriter};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ours", list, passes] => {
            let options = ParseOptions::inactive();
            timed("xml.time", &texts(list)?, passes, |text| Ok(write(&read(text, &options)?)))
        }
        ["strict", list, passes] => {
            let options = ParseOptions { strict: true, ..ParseOptions::inactive() };
            timed("xml.strict", &texts(list)?, passes, |text| read(text, &options))
        }
        ["floor", list, passes] => floor(&texts(list)?, passes),
        _ => Err("usage: xml ours|floor|strict LIST PASSES".into()),
    }
}

fn timed<T, R>(name: &str, items: &[T], passes: &str, work: impl Fn(&T) -> Outcome<R>) -> Outcome<()> {
    let passes: u32 = passes.parse()?;
    let user = || getrusage(UsageWho::RUSAGE_SELF).map(|usage| usage.user_time());
    let before = user()?;
    for _ in 0..passes {
        for item in items {
            black_box(work(black_box(item))?);
        }
    }
    let taken = user()? - before;
    let taken = Duration::new(taken.tv_sec().cast_unsigned(), taken.tv_usec().cast_unsigned() as u32 * 1000);
    virt_benches::time(name, taken / passes / items.len() as u32);
    Ok(())
}

/// What is written is as long, all in all, as what we write of the same documents: it is that.
fn floor(texts: &[String], passes: &str) -> Outcome<()> {
    let options = ParseOptions::inactive();
    let written = texts.iter().map(|text| Ok(write(&read(text, &options)?))).collect::<Outcome<Vec<_>>>()?;
    let mut pairs = Vec::new();
    let mut plain = 0;
    for (text, written) in texts.iter().zip(&written) {
        let document = Document::parse(written)?;
        plain += plain_write(&document, written.len()).len();
        pairs.push((text, document, written.len()));
    }
    let ours: usize = written.iter().map(String::len).sum();
    if plain.abs_diff(ours) > ours / 50 {
        return Err(format!("the floor writes {plain} bytes, and we {ours}").into());
    }
    timed("xml.time", &pairs, passes, |(text, document, length)| {
        black_box(Document::parse(text)?);
        Ok(plain_write(document, *length))
    })
}

fn plain_write(document: &Document<'_>, length: usize) -> String {
    let layout =
        Options { use_single_quote: true, indent: Indent::Spaces(2), attributes_indent: Indent::None };
    let mut writer = XmlWriter::with_capacity(length, layout);
    plain_element(&mut writer, document.root_element());
    writer.end_document()
}

fn plain_element(writer: &mut XmlWriter, element: Node<'_, '_>) {
    writer.start_element(element.tag_name().name());
    for attribute in element.attributes() {
        writer
            .write_attribute_raw(attribute.name(), |out| out.extend_from_slice(attribute.value().as_bytes()));
    }
    for child in element.children() {
        match child.text().filter(|_| child.is_text()) {
            Some(text) if !text.trim().is_empty() => {
                writer.set_preserve_whitespaces(true);
                writer.write_text(text);
            }
            _ if child.is_element() => plain_element(writer, child),
            _ => {}
        }
    }
    writer.end_element();
    writer.set_preserve_whitespaces(false);
}
