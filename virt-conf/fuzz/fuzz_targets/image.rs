//! Reads whatever libFuzzer comes up with as a disk image of every format: what a guest wrote into its own disk must not panic, not take
//! more memory than its header may have, and not say anything that nobody could act on.
//!
//! `VIRT_FUZZ_PREPARE`, a directory, makes it write seeds and a dictionary and end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use virt_conf_fuzz::{image, limit};
use virt_util::image::chain::path_of;
use virt_util::image::{Format, Header};

fuzz_target!(
    init: {
        limit::stack();
        image::prepare_if_asked();
    },
    |data: &[u8]| {
        let read = image::Counted::new(data);
        let probed = limit::memory(data.len(), || Header::probe(&read));
        assert!(read.taken() <= image::MOST, "{} bytes were read to probe", read.taken());
        for name in image::FORMATS {
            let format = Format::of_name(name).expect("a known format");
            let read = image::Counted::new(data);
            let declared = limit::memory(data.len(), || Header::read(&read, format));
            assert!(read.taken() <= image::MOST, "{} bytes were read as {name}", read.taken());
            if let Ok(header) = &declared {
                assert_eq!(header.format, format, "declared");
                check(header);
            }
            if let (Ok(probed), Ok(declared)) = (&probed, &declared)
                && probed.format == format
                && !matches!(format, Format::Raw | Format::Iso)
            {
                assert_eq!(probed, declared, "what it looks like is what it is declared to be");
            }
        }
        if let Ok(header) = &probed {
            check(header);
        }
    }
);

/// What a header says can be shown, written down and acted on.
fn check(header: &Header) {
    let names = header.backing.iter().map(|backing| &backing.name).chain(&header.data_file);
    for name in names {
        assert!(!name.contains('\0') && name.len() <= 4096, "{name:?}");
        for front in ["/srv/web.qcow2", "/", ""] {
            let _ = path_of(name, front);
        }
    }
    if let Some(size) = header.cluster_size {
        assert!(size.is_power_of_two(), "clusters of {size} bytes");
    }
}
