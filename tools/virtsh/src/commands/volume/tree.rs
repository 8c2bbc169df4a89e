//! Volumes below the images that they are based on.

use std::collections::{BTreeMap, BTreeSet};

use virt_core::StorageVolumeSummary;

/// The volumes as a tree; images that are none of them stand at its roots, by their paths.
pub(super) fn text(volumes: &[impl std::ops::Deref<Target = StorageVolumeSummary>]) -> String {
    let paths: BTreeSet<&str> = volumes.iter().map(|volume| volume.path.as_str()).collect();
    let mut above: BTreeMap<&str, Vec<&StorageVolumeSummary>> = BTreeMap::new();
    for volume in volumes {
        if let Some(backing) = &volume.backing {
            above.entry(backing).or_default().push(volume);
        }
    }
    let mut out = String::new();
    let mut shown = BTreeSet::new();
    for volume in volumes.iter().filter(|volume| volume.backing.is_none()) {
        branch(&volume.name, &volume.path, &above, "", &mut shown, &mut out);
    }
    for path in above.keys().filter(|path| !paths.contains(*path)) {
        branch(path, path, &above, "", &mut shown, &mut out);
    }
    // What is behind itself has no root.
    for volume in volumes.iter().filter(|volume| volume.backing.is_some()) {
        if !shown.contains(volume.path.as_str()) {
            branch(&volume.name, &volume.path, &above, "", &mut shown, &mut out);
        }
    }
    out
}

fn branch<'a>(
    name: &str,
    path: &'a str,
    above: &BTreeMap<&str, Vec<&'a StorageVolumeSummary>>,
    indent: &str,
    shown: &mut BTreeSet<&'a str>,
    out: &mut String,
) {
    out.push_str(&format!("{name}\n"));
    if !shown.insert(path) {
        return;
    }
    let children = above.get(path).map(Vec::as_slice).unwrap_or_default();
    for (place, child) in children.iter().enumerate() {
        let last = place + 1 == children.len();
        out.push_str(&format!("{indent}{}", if last { "└─ " } else { "├─ " }));
        let deeper = format!("{indent}{}", if last { "   " } else { "│  " });
        branch(&child.name, &child.path, above, &deeper, shown, out);
    }
}

#[cfg(test)]
mod tests {
    use virt_core::{StorageVolumeKind, Uuid};

    use super::*;

    fn volume(name: &str, backing: Option<&str>) -> Box<StorageVolumeSummary> {
        Box::new(StorageVolumeSummary {
            pool: Uuid::nil(),
            pool_name: "p".into(),
            name: name.into(),
            key: name.into(),
            path: format!("/p/{name}"),
            kind: StorageVolumeKind::File,
            capacity: 0,
            allocation: 0,
            format: None,
            backing: backing.map(str::to_owned),
        })
    }

    #[test]
    fn every_volume_is_shown_once_whatever_it_claims() {
        let volumes = [
            volume("base", None),
            volume("one", Some("/p/base")),
            volume("two", Some("/p/base")),
            volume("deep", Some("/p/one")),
            volume("far", Some("/elsewhere")),
            volume("self", Some("/p/self")),
        ];
        let expected = "base\n├─ one\n│  └─ deep\n└─ two\n/elsewhere\n└─ far\nself\n└─ self\n";
        assert_eq!(text(&volumes), expected);
    }
}
