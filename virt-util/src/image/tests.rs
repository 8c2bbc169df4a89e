//! Headers as they are, and as nobody should write them.

use std::path::PathBuf;
use std::process::Command;

use super::chain::{Place, follow};
use super::*;

/// A qcow2 header with these extensions, and this name of a backing file behind them.
fn qcow2(extensions: &[(u32, &[u8])], backing: &[u8]) -> Vec<u8> {
    let mut image = b"QFI\xfb".to_vec();
    let fields = [(3_u32.to_be_bytes().to_vec(), 4), (vec![0; 12], 12)];
    image.extend(fields.iter().flat_map(|(bytes, _)| bytes.clone()));
    image.extend(16_u32.to_be_bytes());
    image.extend((1_u64 << 30).to_be_bytes());
    image.resize(100, 0);
    image.extend(104_u32.to_be_bytes());
    for (kind, data) in extensions {
        image.extend(kind.to_be_bytes());
        image.extend((data.len() as u32).to_be_bytes());
        image.extend(*data);
        image.resize(image.len().next_multiple_of(8), 0);
    }
    image.extend([0; 8]);
    if !backing.is_empty() {
        let offset = image.len() as u64;
        image[8..16].copy_from_slice(&offset.to_be_bytes());
        image[16..20].copy_from_slice(&(backing.len() as u32).to_be_bytes());
        image.extend(backing);
    }
    image.resize(image.len().max(512), 0);
    image
}

#[test]
fn a_qcow2_header_says_what_is_in_its_extensions() {
    let image = qcow2(&[(0x6803_f857, &[0; 48]), (0xe279_2aca, b"raw")], b"base.img");
    let header = Header::probe(&image[..]).unwrap();
    assert_eq!(
        (header.format, header.capacity, header.cluster_size),
        (Format::Qcow2, Some(1 << 30), Some(1 << 16))
    );
    assert_eq!(header.backing, Some(Backing { name: "base.img".into(), format: Some(Format::Raw) }));
    assert_eq!(header.compat, Some("1.1"));
    // The name of a way to an image says that there is no format between.
    let header = Header::probe(&qcow2(&[(0xe279_2aca, b"nbd")], b"nbd://example.org/base")[..]).unwrap();
    assert_eq!(header.backing.and_then(|backing| backing.format), Some(Format::Raw));
}

#[test]
fn a_qcow2_header_that_contradicts_itself_is_refused() {
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("a name that is no text", qcow2(&[], b"\xff\xfe")),
        ("a name with a NUL", qcow2(&[], b"base\0.img")),
        ("an unknown format behind", qcow2(&[(0xe279_2aca, b"swf")], b"base")),
        ("a long name", qcow2(&[], &[b'a'; 2000])),
    ];
    let mut image = qcow2(&[], b"");
    image[20..24].copy_from_slice(&63_u32.to_be_bytes());
    cases.push(("huge clusters", image));
    let mut image = qcow2(&[(1, b"")], b"");
    image[108..112].copy_from_slice(&u32::MAX.to_be_bytes());
    cases.push(("a huge extension", image));
    let mut image = qcow2(&[], b"base");
    image[8..16].copy_from_slice(&u64::MAX.to_be_bytes());
    cases.push(("a name beyond the end", image));
    let mut image = qcow2(&[], b"");
    image[79] = 4;
    cases.push(("a data file without a name", image));
    for (what, image) in cases {
        let error = Header::probe(&image[..]).expect_err(what);
        assert!(error.to_string().contains("the image's header is malformed"), "{what}: {error}");
    }
}

/// Cut off anywhere, and with any byte changed, a header is read or refused.
#[test]
fn no_header_makes_the_reader_fail_otherwise() {
    let image = qcow2(&[(0xe279_2aca, b"raw"), (0x4441_5441, b"data")], b"base.img");
    for length in 0..image.len() {
        let _ = Header::probe(&image[..length]);
    }
    for place in 0..image.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut image = image.clone();
            image[place] = value;
            let _ = Header::probe(&image[..]);
        }
    }
}

/// What nobody declared is not believed.
#[test]
fn a_raw_image_is_raw_whatever_a_guest_writes_into_it() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("disk").to_string_lossy().into_owned();
    std::fs::write(&path, qcow2(&[(0xe279_2aca, b"raw")], b"/etc/shadow")).unwrap();
    let chain = follow(&path, None).unwrap();
    assert_eq!((chain.len(), chain[0].header.format), (1, Format::Raw));
    // Another declared format than it has.
    let chain = follow(&path, Some(Format::Qed)).unwrap();
    assert_eq!((chain.len(), chain[0].backing()), (1, None));
}

#[test]
fn loops_and_guessed_formats_in_the_middle_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let put = |name: &str, image: Vec<u8>| {
        let path = scratch.path().join(name);
        std::fs::write(&path, image).unwrap();
        path.to_string_lossy().into_owned()
    };
    let own = put("own", qcow2(&[(0xe279_2aca, b"qcow2")], b"own"));
    let error = follow(&own, Some(Format::Qcow2)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("internal error: backing store for {own} is self-referential or too deeply nested")
    );
    put("base", vec![0; 512]);
    put("middle", qcow2(&[], b"base"));
    let top = put("top", qcow2(&[], b"middle"));
    let error = follow(&top, Some(Format::Qcow2)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_INVALID);
    let missing = put("missing", qcow2(&[], b"nothing"));
    let error = follow(&missing, Some(Format::Qcow2)).unwrap_err().to_string();
    assert!(
        error.starts_with("Cannot access backing file '") && error.ends_with("No such file or directory"),
        "{error}"
    );
    let network = put("network", qcow2(&[(0xe279_2aca, b"raw")], b"nbd+tcp://example.org:6000/blah"));
    let place =
        Place::Network { protocol: "nbd".into(), host: Some("example.org".into()), name: "blah".into() };
    assert_eq!(follow(&network, Some(Format::Qcow2)).unwrap()[1].place, place);
}

/// What QEMU writes is what we read.
#[test]
fn images_of_qemu_are_known() {
    let scratch = tempfile::tempdir().unwrap();
    let make = |format: &str, more: &[&str]| -> Option<PathBuf> {
        let path = scratch.path().join(format);
        let mut command = Command::new("qemu-img");
        command.args(["create", "-q", "-f", format]).args(more).arg(&path).arg("3M");
        command.status().is_ok_and(|status| status.success()).then_some(path)
    };
    if make("raw", &[]).is_none() {
        eprintln!("skipped: there is no qemu-img");
        return;
    }
    let fixed = ["-o", "force_size=on"];
    let cases: [(&str, &[&str]); 8] = [
        ("qcow2", &["-o", "extended_l2=on,lazy_refcounts=on"]),
        ("qcow", &[]),
        ("qed", &[]),
        ("vdi", &[]),
        ("vmdk", &[]),
        ("vpc", &fixed),
        ("vhdx", &[]),
        ("raw", &[]),
    ];
    for (format, more) in cases {
        let path = make(format, more).unwrap_or_else(|| panic!("qemu-img makes no {format}"));
        let header = Header::probe(&File::open(&path).unwrap()).unwrap();
        assert_eq!(header.format.name(), format);
        let capacity = if format == "raw" { None } else { Some(3 << 20) };
        assert_eq!(header.capacity, capacity, "{format}");
        assert_eq!((header.extended_l2, header.lazy_refcounts), (format == "qcow2", format == "qcow2"));
    }
}
