//! A picture of a guest's screen: test bars, as a PNG.

use virt_core::driver::Screenshot;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;

/// White, yellow, cyan, green, magenta, red, blue, black.
const BARS: [[u8; 3]; 8] = [
    [235, 235, 235],
    [235, 235, 16],
    [16, 235, 235],
    [16, 235, 16],
    [235, 16, 235],
    [235, 16, 16],
    [16, 16, 235],
    [16, 16, 16],
];

/// The largest block that deflate stores uncompressed.
const BLOCK: usize = 0xffff;

/// The picture.
pub(crate) fn picture() -> Screenshot {
    let mut data = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    // Four bits a pixel, from a palette; deflate, the only filter method, not interlaced.
    header.extend([4, 3, 0, 0, 0]);
    chunk(&mut data, *b"IHDR", &header);
    chunk(&mut data, *b"PLTE", BARS.as_flattened());
    chunk(&mut data, *b"IDAT", &stored(&pixels()));
    chunk(&mut data, *b"IEND", &[]);
    Screenshot { mime_type: "image/png".to_owned(), data }
}

/// Lines, each a filter type and two pixels a byte.
fn pixels() -> Vec<u8> {
    let bar = |x: u32| (x * BARS.len() as u32 / WIDTH) as u8;
    let line: Vec<u8> =
        std::iter::once(0).chain((0..WIDTH).step_by(2).map(|x| bar(x) << 4 | bar(x + 1))).collect();
    line.repeat(HEIGHT as usize)
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    out.extend((content.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(content);
    let sum = crc32fast::hash(&out[start..]);
    out.extend(sum.to_be_bytes());
}

/// A zlib stream that compresses nothing.
fn stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let last = data.chunks(BLOCK).count().saturating_sub(1);
    for (number, block) in data.chunks(BLOCK).enumerate() {
        out.push(u8::from(number == last));
        let length = block.len() as u16;
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(adler32(data).to_be_bytes());
    out
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_zlib() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(stored(b"ab"), b"\x78\x01\x01\x02\x00\xfd\xffab\x01\x26\x00\xc4");
        assert_eq!(pixels().len(), (WIDTH as usize / 2 + 1) * HEIGHT as usize);
    }
}
