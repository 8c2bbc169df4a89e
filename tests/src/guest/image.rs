//! Taking the kernel proper out of a bzImage, by the header that the x86 boot protocol describes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::output;

/// Where the header says how many sectors of real-mode code precede the rest.
const SETUP_SECTORS: usize = 0x1f1;
/// Where it says where in the rest the compressed kernel begins, and how long it is.
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;

/// How a payload begins, and what unpacks it.
const PACKERS: [(&[u8], &str); 3] =
    [(b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ\0", "xz"), (b"\x1f\x8b\x08", "gzip")];

/// The ELF image inside a bzImage. `work` is a directory for intermediate files.
pub(super) fn uncompressed(image: &[u8], work: &Path) -> Result<Vec<u8>> {
    if image.get(0x202..0x206) != Some(b"HdrS") {
        bail!("it has no boot protocol header");
    }
    let sectors = usize::from(*image.get(SETUP_SECTORS).context("it ends within its header")?);
    let start = (sectors + 1) * SECTOR + number(image, PAYLOAD_OFFSET)?;
    let end = start + number(image, PAYLOAD_LENGTH)?;
    let payload = image.get(start..end).context("it ends within its payload")?;
    let (_, packer) = PACKERS
        .iter()
        .find(|(magic, _)| payload.starts_with(magic))
        .context("its payload is packed in a way that is not known here")?;
    // The kernel's build appends the unpacked size, which gzip alone has in its own format.
    let packed = if *packer == "gzip" { payload } else { &payload[..payload.len().saturating_sub(4)] };
    let file = work.join("payload");
    fs::write(&file, packed)?;
    let kernel = output(Command::new(packer).args(["-d", "-c", "-q"]).stdin(fs::File::open(&file)?))?;
    if !kernel.starts_with(b"\x7fELF") {
        bail!("its payload is no ELF image");
    }
    Ok(kernel)
}

fn number(image: &[u8], at: usize) -> Result<usize> {
    let bytes =
        image.get(at..).and_then(|rest| rest.first_chunk::<4>()).context("it ends within its header")?;
    Ok(u32::from_le_bytes(*bytes) as usize)
}
