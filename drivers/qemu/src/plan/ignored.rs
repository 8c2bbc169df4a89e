//! Elements of a definition that nothing happens for: those that no model reads, and those that this driver does not
//! act on.

use roxmltree::{Document, Node};
use virt_conf::model::Domain;
use virt_conf::xml::{FormatFlags, Place};

/// Elements and attributes that the models know and this driver does nothing with. A step `[@name=value]` is one with
/// that attribute; names with a colon are in a hypervisor's namespace.
const WITHOUT_EFFECT: &[&str] = &[
    "/domain/hwuuid",
    "/domain/blkiotune",
    "/domain/memtune",
    "/domain/cputune",
    "/domain/resource",
    "/domain/perf",
    "/domain/iommufd",
    "/domain/iothreadids/iothread/poll/@weight",
    "/domain/features/virtualization",
    "/domain/os/varstore",
    "/domain/idmap",
    "/domain/on_lockfailure",
    "/domain/seclabel",
    "/domain/os/init",
    "/domain/os/initarg",
    "/domain/os/initenv",
    "/domain/os/initdir",
    "/domain/os/inituser",
    "/domain/os/initgroup",
    "/domain/os/root",
    "/domain/devices/lease",
    "/domain/devices/disk/@snapshot",
    "/domain/devices/disk/@rawio",
    "/domain/devices/disk/@sgio",
    "/domain/devices/disk/backenddomain",
    "/domain/devices/disk/iotune",
    "/domain/devices/disk/driver/statistics",
    "/domain/devices/disk/target/@dpofua",
    "/domain/devices/disk/source/reservations/@migration",
    "/domain/devices/disk/source/@startupPolicy",
    "/domain/devices/disk/source/seclabel",
    "/domain/devices/interface/@trustGuestRxFilters",
    "/domain/devices/interface/backenddomain",
    "/domain/devices/interface/backend/@fqdn",
    "/domain/devices/interface/backend/@hostname",
    "/domain/devices/interface/bandwidth",
    "/domain/devices/interface/coalesce",
    "/domain/devices/interface/downscript",
    "/domain/devices/interface/filterref",
    "/domain/devices/interface/guest",
    "/domain/devices/interface/port",
    "/domain/devices/interface/route",
    "/domain/devices/interface/script",
    "/domain/devices/interface/tune",
    "/domain/devices/interface/virtualport",
    "/domain/devices/interface/vlan",
    "/domain/devices/interface[@type=bridge]/ip",
    "/domain/devices/interface[@type=ethernet]/ip",
    "/domain/devices/interface/driver/@iommufd",
    "/domain/devices/graphics/@wait",
    "/domain/devices/hostdev/acpi/@nodeset",
    "/domain/devices/hostdev/driver/@iommufd",
    "/domain/devices/iommu[@model=smmuv3]/driver",
    "/domain/devices/iommu[@model=virtio]/driver",
    "/domain/devices/memballoon/stats",
    "/domain/devices/memory/driver",
    "/domain/devices/video/model/@device",
    "/domain/devices/video/model/@edid",
    "/domain/devices/redirfilter",
];

/// What starting `domain` passes over, as paths; `unread` is what its text holds and no model reads.
pub(crate) fn ignored(domain: &Domain, unread: &[Place]) -> Vec<String> {
    let text = domain.to_xml(&FormatFlags::INACTIVE.into());
    let mut paths: Vec<String> =
        unread.iter().map(|place| format!("{} (line {}:{})", place.path, place.line, place.column)).collect();
    // What was just written is XML, and nothing else would be worse to say here than nothing.
    if let Ok(document) = Document::parse(&text) {
        let known: Vec<Vec<Step<'_>>> = WITHOUT_EFFECT.iter().map(|path| steps(path)).collect();
        let known: Vec<&[Step<'_>]> = known.iter().map(Vec::as_slice).collect();
        collect(document.root_element(), &known, "", &mut paths);
    }
    paths
}

/// One step of a path: an element's name and perhaps an attribute that it must have; or `@` and an attribute's name.
struct Step<'a> {
    name: &'a str,
    with: Option<(&'a str, &'a str)>,
}

fn steps(path: &str) -> Vec<Step<'_>> {
    let step = |text| match str::split_once(text, "[@") {
        Some((name, condition)) => Step { name, with: condition.trim_end_matches(']').split_once('=') },
        None => Step { name: text, with: None },
    };
    path.trim_start_matches('/').split('/').map(step).collect()
}

impl Step<'_> {
    fn fits(&self, node: Node<'_, '_>) -> bool {
        node.tag_name().name() == self.name
            && node.tag_name().namespace().is_none()
            && self.with.is_none_or(|(name, value)| node.attribute(name) == Some(value))
    }
}

/// Adds what of `node` and what is in it is on one of `known`, whose first steps lead to the node.
fn collect(node: Node<'_, '_>, known: &[&[Step<'_>]], above: &str, paths: &mut Vec<String>) {
    let here: Vec<&[Step<'_>]> = known
        .iter()
        .filter_map(|steps| steps.split_first().filter(|(step, _)| step.fits(node)).map(|(_, rest)| rest))
        .collect();
    if here.is_empty() {
        return;
    }
    let path = format!("{above}/{}", numbered(node));
    if here.iter().any(|rest| rest.is_empty()) {
        paths.push(path);
        return;
    }
    for attribute in here.iter().filter_map(|rest| rest.first()?.name.strip_prefix('@')) {
        if node.has_attribute(attribute) {
            paths.push(format!("{path}/@{attribute}"));
        }
    }
    for child in node.children().filter(Node::is_element) {
        collect(child, &here, &path, paths);
    }
}

/// An element's name, with its number among several of that name.
fn numbered(node: Node<'_, '_>) -> String {
    let name = node.tag_name().name();
    let same = |other: &Node<'_, '_>| other.is_element() && other.tag_name() == node.tag_name();
    let before = node.prev_siblings().skip(1).filter(same).count();
    match before + node.next_siblings().skip(1).filter(same).count() {
        0 => name.to_owned(),
        _ => format!("{name}[{}]", before + 1),
    }
}

#[cfg(test)]
mod tests {
    use virt_conf::xml::ParseOptions;

    use super::*;

    #[test]
    fn what_nothing_happens_for_is_named_with_its_place() {
        let text = "<domain type='qemu'>
  <name>odd</name>
  <memory>1024</memory>
  <colour>red</colour>
  <os><type>hvm</type></os>
  <cputune><shares>7</shares></cputune>
  <devices>
    <interface type='user'><mac address='52:54:00:00:00:01' shade='2'/><link state='up'/></interface>
    <interface type='bridge'>
      <source bridge='br0'/>
      <bandwidth><inbound average='1'/></bandwidth>
      <ip address='10.0.0.1'/>
    </interface>
  </devices>
</domain>";
        let (domain, unread) = Domain::parse_listing(text, &ParseOptions::inactive()).expect("a definition");
        assert_eq!(
            ignored(&domain, &unread),
            [
                "/domain/colour (line 4:3)",
                "/domain/devices/interface[1]/mac/@shade (line 8:61)",
                "/domain/cputune",
                "/domain/devices/interface[2]/bandwidth",
                "/domain/devices/interface[2]/ip",
            ]
        );
    }

    #[test]
    fn a_plain_guest_has_nothing_that_is_ignored() {
        let text =
            "<domain type='qemu'><name>plain</name><memory>1024</memory><os><type>hvm</type></os></domain>";
        let domain = Domain::parse(text, &ParseOptions::inactive()).expect("a definition");
        assert_eq!(ignored(&domain, &[]), Vec::<String>::new());
    }
}
