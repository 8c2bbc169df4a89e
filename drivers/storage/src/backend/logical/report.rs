//! What LVM's programs report, as values.

use virt_util::{Error, ErrorDomain, Result};

/// The columns of `lvs` that [`volumes`] reads.
pub(super) const COLUMNS: &str =
    "lv_name,origin,uuid,devices,segtype,stripes,seg_size,vg_extent_size,size,lv_attr";

/// A logical volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LogicalVolume {
    pub(super) name: String,
    /// The volume that its blocks come from until they are written.
    pub(super) origin: Option<String>,
    pub(super) uuid: String,
    /// Devices, from and to, in bytes.
    pub(super) extents: Vec<(String, u64, u64)>,
    /// In bytes.
    pub(super) size: u64,
    /// `lv_attr`: what it is, and in which state.
    attributes: String,
}

impl LogicalVolume {
    fn attribute(&self, place: usize) -> u8 {
        self.attributes.as_bytes().get(place).copied().unwrap_or(b'-')
    }

    /// Whether it is a volume that something can use: active, and no pool that thin volumes take their space from.
    pub(super) fn is_shown(&self) -> bool {
        self.attribute(4) == b'a' && self.attribute(0) != b't'
    }

    /// Whether it may have less space than it shows: a thin volume, or a snapshot.
    pub(super) fn is_sparse(&self) -> bool {
        matches!(self.attribute(0), b'V' | b's' | b'S')
    }
}

/// Reads what `lvs` says with [`COLUMNS`], `#` between them: a line a segment.
///
/// # Errors
///
/// When it is not that.
pub(super) fn volumes(text: &str) -> Result<Vec<LogicalVolume>> {
    let wrong = |what: &str| Error::internal(ErrorDomain::STORAGE, format!("malformed volume {what} value"));
    let mut volumes: Vec<LogicalVolume> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.trim_end_matches('#').split('#').collect();
        let [name, origin, uuid, devices, segment, stripes, length, extent, size, attributes] = fields[..]
        else {
            return Err(Error::internal(
                ErrorDomain::STORAGE,
                format!("'{}' is no line of lvs", line.escape_default()),
            ));
        };
        let number = |text: &str, what: &str| text.parse::<u64>().map_err(|_| wrong(what));
        let (length, extent) = (number(length, "extent length")?, number(extent, "extent size")?);
        let size = number(size, "allocation")?;
        let striped = segment == "striped" || segment == "mirror" || segment.starts_with("raid");
        let count = if striped { number(stripes, "extent stripes")?.max(1) } else { 1 };
        // A thin volume lies on no device.
        let mut extents = Vec::new();
        for device in
            devices.split(',').filter(|device| !device.is_empty()).take(usize::try_from(count).unwrap_or(0))
        {
            let parts = device.strip_suffix(')').and_then(|device| device.rsplit_once('('));
            let (path, place) =
                parts.filter(|(path, _)| !path.is_empty()).ok_or_else(|| wrong("extent devices"))?;
            let start =
                number(place, "extent offset")?.checked_mul(extent).ok_or_else(|| wrong("extent offset"))?;
            let end = start.checked_add(length).ok_or_else(|| wrong("extent length"))?;
            extents.push((path.to_owned(), start, end));
        }
        // In brackets it is hidden, and a volume all the same.
        let origin = origin.trim_start_matches('[').trim_end_matches(']');
        match volumes.iter_mut().find(|volume| volume.uuid == uuid) {
            Some(volume) => volume.extents.extend(extents),
            None => volumes.push(LogicalVolume {
                name: name.to_owned(),
                origin: Some(origin.to_owned()).filter(|origin| !origin.is_empty()),
                uuid: uuid.to_owned(),
                extents,
                size,
                attributes: attributes.to_owned(),
            }),
        }
    }
    Ok(volumes)
}

/// Reads what `vgs` says of a group's size, and of what is free of it, in bytes: `62914560:62914560`.
///
/// # Errors
///
/// When it is not that.
pub(super) fn space(text: &str) -> Result<(u64, u64)> {
    let numbers = text.trim().trim_end_matches(':').split_once(':');
    let numbers = numbers.and_then(|(size, free)| Some((size.parse().ok()?, free.parse().ok()?)));
    numbers.ok_or_else(|| {
        Error::internal(
            ErrorDomain::STORAGE,
            format!("'{}' are no sizes of a group", text.trim().escape_default()),
        )
    })
}

/// Reads what `pvs` says: physical volumes that are in a group, and the group.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(device), Some(group), None) => Some((device.to_owned(), group.to_owned())),
            _ => None,
        }
    };
    text.lines().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_have_extents_origins_and_kinds() {
        let text = "  root##uuid-1#/dev/sda5(0)#linear#1#4194304#4194304#8388608#-wi-ao----\n  \
                    root##uuid-1#/dev/sdb1(3)#linear#1#4194304#4194304#8388608#-wi-ao----\n  \
                    fast##uuid-2#/dev/sda5(5),/dev/sdb1(5)#striped#2#8388608#4194304#8388608#-wi-a-----\n  \
                    snap#root#uuid-3#/dev/sda5(9)#linear#1#4194304#4194304#8388608#swi-a-s---\n  \
                    pool##uuid-4#pool_tdata(0)#thin-pool#1#4194304#4194304#4194304#twi-aotz--\n  \
                    thin#[hidden]#uuid-5##thin#0#1073741824#4194304#1073741824#Vwi-a-tz--\n  \
                    off##uuid-6#/dev/sda5(20)#linear#1#4194304#4194304#4194304#-wi-------\n";
        let found = volumes(text).unwrap();
        let shown: Vec<_> = found.iter().filter(|it| it.is_shown()).map(|it| it.name.as_str()).collect();
        assert_eq!(shown, ["root", "fast", "snap", "thin"]);
        const EXTENT: u64 = 4 << 20;
        assert_eq!(
            found[0].extents,
            [("/dev/sda5".to_owned(), 0, EXTENT), ("/dev/sdb1".to_owned(), 3 * EXTENT, 4 * EXTENT)]
        );
        assert_eq!(found[1].extents.len(), 2);
        assert_eq!((found[2].origin.as_deref(), found[2].is_sparse()), (Some("root"), true));
        let thin = &found[4];
        assert_eq!((thin.origin.as_deref(), thin.is_sparse(), thin.extents.len()), (Some("hidden"), true, 0));
        assert!(!found[0].is_sparse());
        assert_eq!(volumes("\n  \n").unwrap(), []);
    }

    #[test]
    fn other_reports_are_refused() {
        for text in [
            "WARNING: something",
            "a##u#/dev/sda(0)#linear#1#x#1#1#-",
            "a##u#/dev/sda(0)#linear#1#1#x#1#-",
            "a##u#/dev/sda(0)#linear#1#1#1#x#-",
            "a##u#/dev/sda(0)#striped#x#1#1#1#-",
            "a##u#/dev/sda(x)#linear#1#1#1#1#-",
            "a##u#/dev/sda#linear#1#1#1#1#-",
            "a##u#(0)#linear#1#1#1#1#-",
            "a##u#/dev/sda(18446744073709551615)#linear#1#2#2#1#-",
            "a##u#/dev/sda(1)#linear#1#18446744073709551615#1#1#-",
            "a##u#/dev/sda(1)#linear#1#-1#1#1#-",
        ] {
            assert!(volumes(text).is_err(), "{text}");
        }
        // However many stripes it says, there are as many as devices.
        let many = volumes("a##u#/dev/sda(0)#striped#18446744073709551615#1#1#1#-").unwrap();
        assert_eq!(many[0].extents.len(), 1);
    }

    #[test]
    fn sizes_and_pairs_are_read() {
        assert_eq!(space("  62914560:62910464\n").unwrap(), (62_914_560, 62_910_464));
        assert_eq!(space("  1:0:\n").unwrap(), (1, 0));
        assert!(space("").is_err() && space("1").is_err() && space("a:b").is_err() && space("-1:0").is_err());
        assert_eq!(
            pairs("  /dev/sda1 vg0\n  /dev/sdb  \n  /dev/sdc vg1 \n a b c\n"),
            [("/dev/sda1".to_owned(), "vg0".to_owned()), ("/dev/sdc".to_owned(), "vg1".to_owned())]
        );
    }
}
