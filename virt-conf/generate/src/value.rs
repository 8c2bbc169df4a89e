//! Values of attributes and texts: what their kind allows, its limits more often than chance would have it.

use fastrand::Rng;
use virt_conf::xml::Kind;

/// What values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As people write them.
    Tame,
    /// Limits, blanks, quotes, other scripts, and what is none of the kind.
    Wild,
}

/// Texts of all sorts that some attribute or element takes.
const TEXTS: &[&str] = &[
    "a",
    "web",
    "vda",
    "sda",
    "eth0",
    "br0",
    "vnet1",
    "root",
    "none",
    "default",
    "hvm",
    "exe",
    "qemu",
    "kvm",
    "x86_64",
    "pc",
    "q35",
    "raw",
    "qcow2",
    "virtio",
    "host",
    "guest",
    "ip-src",
    "in",
    "out",
    "all",
    "nat",
    "cdrom",
    "hd",
    "usb",
    "base",
    "0",
    "1",
    "2",
    "7",
    "16",
    "64",
    "255",
    "1024",
    "65535",
    "4294967295",
    "2097152",
    "1700000000",
    "0x0",
    "0x1f",
    "0x8086",
    "0x1af4",
    "0xffffffff",
    "0755",
    "0.0",
    "1.2",
    "3.14",
    "1.2.3",
    "11.3.0",
    "1:2",
    "0:0:1:2",
    "0-3",
    "0-3,^2",
    "0,2,4-6",
    "1-1",
    "8-15",
    "KiB",
    "MB",
    "/",
    "/dev/sda",
    "/dev/null",
    "/var/lib/images/web.img",
    "/run/web.sock",
    "/machine/web",
    "vol.img",
    "web.example.org",
    "http://example.org/a?b=c&d=e",
    "iqn.2013-07.com.example:disk/1",
    "192.0.2.1",
    "192.0.2.0/24",
    "198.51.100.9",
    "224.0.0.1",
    "2001:db8::1",
    "fe80::1",
    "255.255.255.0",
    "52:54:00:12:34:56",
    "01:80:c2:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "5001405a1b2c3d4e",
    "c7a5fdbd-cdaf-9455-926a-d65c16db1809",
    "c7a5fdbdcdaf9455926ad65c16db1809",
    "2026-11-03",
    "11/03/2026",
    "2026-11-03 04:05:06",
    "ABCD1234",
    "0000:00:1f.2",
    "pci_0000_00_1f_2",
    "Haswell",
    "Intel",
    "Debian",
    "system_u:object_r:svirt_t:s0:c1,c2",
    "+0:+0",
    "SYN,ACK/SYN",
    "ALL/NONE",
    "src,dst",
    "$PORT",
    "@IP[@0]",
    "NEW,ESTABLISHED",
    "ipset1",
    "RETURN",
    "ACCEPT",
    "on",
    "off",
    "yes",
    "no",
    "enabled",
    "disabled",
    "auto",
    "static",
    "dynamic",
    "en-us",
    "a word or two",
    "v1,v2",
];

/// Texts that show whether escapes, blanks and limits are kept in mind.
const WILD: &[&str] = &[
    "",
    " ",
    "a & b < c > d ' e \" f",
    "]]>",
    "&amp;",
    "ümläut 漢字",
    "\u{1f427}",
    "a\nb",
    "\ta",
    " a ",
    "a\r\nb",
    "\u{a0}",
    "-1",
    "+1",
    "-0",
    "00",
    "0x",
    "0b1",
    "1e3",
    " 7",
    "7 ",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "99999999999999999999999",
    "0-4294967295",
    "0-",
    "-3",
    "^1",
    "1,,2",
    "3-1",
    "../../etc/passwd",
    "//",
    "%s%n",
    "\u{1a}",
    "::",
    "1.2.3.4.5",
    "0.0.0.0/33",
    "::/129",
    "ff:ff",
    "gg:gg:gg:gg:gg:gg",
    "ID",
    "null",
    "{}",
    "[]",
    "$",
    "@",
    "@attr",
    "a:b",
    "xmlns",
];

/// A value of this kind for the attribute or element `name`.
pub fn value(name: &str, kind: Kind, rng: &mut Rng, manner: Manner) -> String {
    if manner == Manner::Wild {
        match rng.u8(..16) {
            0 => return pick(WILD, rng),
            1 => return pick(TEXTS, rng),
            _ => {}
        }
    }
    match kind {
        Kind::Text => text(name, rng),
        Kind::Number { min, max } => number(min, max, rng).to_string(),
        Kind::Amount => number(0, u64::MAX >> 11, rng).to_string(),
        Kind::Hex => format!("0x{:x}", number(0, u32::MAX.into(), rng)),
        Kind::Octal => format!("0{:o}", number(0, 0o7777, rng)),
        Kind::YesNo => pick(&["yes", "no"], rng),
        Kind::OneOf(spellings) => rng.choice(spellings).map_or("", |spelling| spelling.name).to_owned(),
        Kind::Uuid => {
            pick(&["c7a5fdbd-cdaf-9455-926a-d65c16db1809", "8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95"], rng)
        }
        Kind::Mac => {
            pick(&["52:54:00:12:34:56", "52:54:00:ab:cd:ef", "00:16:3e:00:00:01", "01:80:c2:00:00:00"], rng)
        }
        Kind::Ip => pick(&["192.0.2.1", "198.51.100.255", "0.0.0.0", "2001:db8::1", "::", "fe80::1"], rng),
        Kind::Set => pick(&["0", "0-3", "0,2", "1-3,7", "0-3,^2", "8-15", "31"], rng),
        Kind::Flag | Kind::Xml => String::new(),
    }
}

/// A text that fits its name, more often than not.
fn text(name: &str, rng: &mut Rng) -> String {
    let has = |words: &[&str]| words.iter().any(|word| name.to_lowercase().contains(word));
    let likely: &[&str] =
        if has(&["path", "file", "dir", "socket", "emulator", "loader", "kernel", "initrd", "image"]) {
            &["/var/lib/images/web.img", "/dev/null", "/run/web.sock"]
        } else if has(&["uuid"]) {
            &["c7a5fdbd-cdaf-9455-926a-d65c16db1809", "8b3f4dc4-6a8e-5f9b-94a5-4c35babd8d95"]
        } else if has(&["wwn", "wwpn"]) {
            &["5001405a1b2c3d4e", "0x5000c50015ea71ac"]
        } else if has(&["unit"]) {
            &["KiB", "MiB", "bytes"]
        } else if has(&["compat"]) {
            &["0.10", "1.1"]
        } else if has(&["mac"]) {
            &["52:54:00:12:34:56", "52:54:00:ab:cd:ef"]
        } else if has(&["addr", "host", "ip"]) {
            &["192.0.2.1", "2001:db8::1", "web.example.org"]
        } else if has(&["name", "dev", "pool", "volume", "group"]) {
            &["web", "vda", "sda", "eth0", "br0", "one"]
        } else if has(&["port", "size", "id", "count", "time"]) {
            &["1", "2", "7", "1024"]
        } else {
            return pick(TEXTS, rng);
        };
    if rng.u8(..3) == 0 { pick(TEXTS, rng) } else { pick(likely, rng) }
}

/// Small, mostly; else a limit, a power of two, or anything.
fn number(min: i64, max: u64, rng: &mut Rng) -> i128 {
    let (min, max) = (i128::from(min), i128::from(max));
    let found = match rng.u8(..16) {
        0 => min,
        1 => max,
        2 => 1 << rng.u8(..63),
        3 => rng.i128(min..=max),
        4..=7 => rng.i128(0..256),
        _ => rng.i128(0..8),
    };
    found.clamp(min, max)
}

fn pick(from: &[&str], rng: &mut Rng) -> String {
    rng.choice(from).copied().unwrap_or_default().to_owned()
}
