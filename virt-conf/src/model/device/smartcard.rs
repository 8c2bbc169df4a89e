//! `<smartcard>`, `<redirdev>`, `<redirfilter>`: smart cards and USB devices of whoever looks at the guest.

use super::{CharLog, CharSource, DeviceInfo};
use crate::error::unsupported;
use crate::xml::{Base, Codec, Element as _, Expected, Reader, Result, Value, Xml, XmlValue};

/// A smart card reader of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "smartcard", before_read = Smartcard::check)]
pub struct Smartcard {
    /// Whose card is in it.
    #[xml(flatten)]
    pub card: SmartcardKind,
    /// Alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl Smartcard {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        if reader.attr_text("mode") == Some("passthrough") && reader.attr_text("type").is_none() {
            return Err(reader.refuse("passthrough mode requires a character device type attribute"));
        }
        if reader.attr_text("mode") == Some("passthrough") {
            CharSource::check_kind(reader)?;
        }
        if reader.attr_text("mode") == Some("host-certificates")
            && reader.all(SmartcardCertificate::NAME).count() != 3
        {
            return Err(reader.refuse("host-certificates mode needs exactly three certificates"));
        }
        Ok(())
    }
}

/// Whose card is in a reader.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(tag = "mode")]
pub enum SmartcardKind {
    /// The host's, with everything it can do.
    Host,
    /// Emulated from certificates of the host.
    #[xml("host-certificates")]
    HostCertificates(SmartcardCertificates),
    /// Somebody else's, over a character device.
    Passthrough(SmartcardPassthrough),
}

/// `mode='host-certificates'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SmartcardCertificates {
    /// Names of three certificates of the database.
    #[xml(child)]
    pub certificates: Vec<SmartcardCertificate>,
    /// Directory of the NSS database; default: `/etc/pki/nssdb`.
    #[xml(child_text)]
    pub database: Option<String>,
}

/// A certificate of an NSS database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "certificate")]
pub struct SmartcardCertificate {
    /// What the database calls it.
    #[xml(text)]
    pub name: String,
}

/// `mode='passthrough'`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
pub struct SmartcardPassthrough {
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what is said.
    #[xml(child, read_if = CharLog::is_kept)]
    pub log: Option<CharLog>,
}

/// A USB port of the guest into which whoever looks at it may plug a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "redirdev", keep_open, before_read = RedirectedDevice::check)]
pub struct RedirectedDevice {
    /// The bus, always USB.
    #[xml(attr, default, first, invalid = |text| unsupported(format!("unknown redirdev bus '{text}'")))]
    pub bus: RedirectionBus,
    /// The host's end.
    #[xml(flatten)]
    pub source: CharSource,
    /// A copy of what is said.
    #[xml(child, read_if = CharLog::is_kept)]
    pub log: Option<CharLog>,
    /// Boot order, alias and address.
    #[xml(flatten)]
    pub info: DeviceInfo,
}

impl RedirectedDevice {
    fn check(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.attr_text("type") {
            None => Err(reader.internal("missing type in redirdev")),
            Some(kind) if !CharSource::KINDS.contains(&kind) => {
                let error = reader.unsupported(format!("unknown redirdev character device type '{kind}'"));
                Err(reader.at_attr("type", error))
            }
            Some(_) => Ok(()),
        }
    }
}

/// Buses whose devices can be redirected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, XmlValue)]
pub enum RedirectionBus {
    /// USB.
    #[default]
    Usb,
}

/// Which devices may be redirected; the first rule that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "redirfilter")]
pub struct RedirectionFilter {
    /// In the order in which they are tried.
    #[xml(child)]
    pub rules: Vec<RedirectionRule>,
}

/// One rule about redirected devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "usbdev", after_read = RedirectionRule::settle)]
pub struct RedirectionRule {
    /// USB class; absent: any.
    #[xml(attr, with = UpperHex<2>)]
    pub class: Option<i32>,
    /// USB vendor; absent: any.
    #[xml(attr, with = UpperHex<4>)]
    pub vendor: Option<i32>,
    /// USB product; absent: any.
    #[xml(attr, with = UpperHex<4>)]
    pub product: Option<i32>,
    /// Version of the device, binary-coded decimals written `2.56`; absent: any.
    #[xml(attr, with = UsbVersion)]
    pub version: Option<i32>,
    /// Whether devices that fit are let in.
    #[xml(attr)]
    pub allow: bool,
}

impl RedirectionRule {
    /// `-1` is how one writes "any".
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        for field in [&mut self.class, &mut self.vendor, &mut self.product, &mut self.version] {
            *field = field.filter(|value| *value >= 0);
        }
        Ok(())
    }
}

/// Reads any base, writes upper-case digits.
enum UpperHex<const WIDTH: usize> {}

impl<const WIDTH: usize> Codec<i32> for UpperHex<WIDTH> {
    const KIND: crate::xml::Kind = crate::xml::Kind::Hex;

    fn parse(text: &str) -> std::result::Result<i32, Expected> {
        <Base<0> as Codec<i32>>::parse(text)
    }
    fn format(value: &i32, out: &mut String) {
        out.push_str(&format!("0x{value:0WIDTH$X}"));
    }
}

/// `2.56`, kept as 0x0256; the fraction has two digits, and a single one counts tenths.
enum UsbVersion {}

impl Codec<i32> for UsbVersion {
    fn parse(text: &str) -> std::result::Result<i32, Expected> {
        if text == "-1" {
            return Ok(-1);
        }
        let refused = || Expected::from("a version as '2.56'");
        let (whole, fraction) = text.split_once('.').ok_or_else(refused)?;
        let whole: u32 = Value::parse(whole)?;
        let hundredths: u32 = Value::parse(fraction)?;
        let hundredths = if fraction.len() == 1 { hundredths * 10 } else { hundredths };
        if whole > 99 || hundredths > 99 {
            return Err(refused());
        }
        let decimal = |n: u32| ((n / 10) << 4) | (n % 10);
        i32::try_from(decimal(whole) << 8 | decimal(hundredths)).map_err(|_| refused())
    }
    fn format(value: &i32, out: &mut String) {
        let digit = |shift: u32| (value >> shift) & 0xf;
        out.push_str(&format!("{}.{}{}", digit(12) * 10 + digit(8), digit(4), digit(0)));
    }
}
