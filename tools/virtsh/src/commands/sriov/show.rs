//! What `sriov ls` and `sriov show` print.

use serde_json::Value;
use virt_core::sriov::{
    Held, Inventory, PciAddress, PhysicalFunction, Sriov, VfAttribute, VfAttributeKind, VirtualFunction,
};

use super::address;
use crate::command::Outcome;
use crate::failure::{Context as _, Failure, FailureKind};
use crate::output::{Column, Field, Record, Reply, Table};
use crate::shell::Shell;

/// The settings, with the key and the label of each.
const SETTINGS: [(VfAttributeKind, &str, &str); 9] = [
    (VfAttributeKind::Mac, "mac", "MAC address"),
    (VfAttributeKind::Vlan, "vlan", "VLAN"),
    (VfAttributeKind::SpoofCheck, "spoof_check", "Spoof check"),
    (VfAttributeKind::Trust, "trust", "Trust"),
    (VfAttributeKind::LinkState, "link_state", "Link state"),
    (VfAttributeKind::Rate, "rate", "Transmit rate"),
    (VfAttributeKind::RssQuery, "rss_query", "RSS query"),
    (VfAttributeKind::NodeGuid, "node_guid", "Node GUID"),
    (VfAttributeKind::PortGuid, "port_guid", "Port GUID"),
];

pub(super) fn list(shell: &mut Shell, sriov: &Sriov) -> Outcome {
    let inventory = inventory(sriov)?;
    let columns = vec![
        Column::new("address", "Address"),
        Column::data("parent_address"),
        Column::new("parent", "PF"),
        Column::new("index", "VF"),
        Column::new("driver", "Driver"),
        Column::new("netdev", "Device"),
        Column::new("mac", "MAC address"),
        Column::new("vlan", "VLAN"),
        Column::new("holder", "Holder"),
        Column::state("state", "State"),
    ];
    let mut rows = Vec::new();
    for parent in &inventory.physical_functions {
        for child in &parent.virtual_functions {
            let mut row = vec![address(child.address)];
            row.push(Field::new("parent_address", "", parent.address.to_string()));
            row.extend(facts(parent, child));
            row.extend([setting(child, VfAttributeKind::Mac), setting(child, VfAttributeKind::Vlan)]);
            row.extend(holding(child.held.as_ref()));
            rows.push(row);
        }
    }
    for other in &inventory.others {
        let mut row = vec![address(other.address)];
        let missing = ["parent_address", "parent", "index", "driver", "netdev", "mac", "vlan"];
        row.extend(missing.map(|key| Field::new(key, "", Value::Null)));
        row.extend(holding(Some(&other.held)));
        rows.push(row);
    }
    shell.print(&Reply::Table(Table { columns, rows }))
}

pub(super) fn one(shell: &mut Shell, sriov: &Sriov, device: PciAddress) -> Outcome {
    let inventory = inventory(sriov)?;
    let mut fields = vec![address(device)];
    let functions = inventory.physical_functions.iter();
    let found =
        functions.flat_map(|parent| parent.virtual_functions.iter().map(move |child| (parent, child)));
    let held = match found.into_iter().find(|(_, child)| child.address == device) {
        Some((parent, child)) => {
            fields.push(Field::new("parent_address", "PF address", parent.address.to_string()));
            fields.extend(facts(parent, child));
            fields.push(Field::new("iommu_group", "IOMMU group", child.iommu_group));
            fields.extend(SETTINGS.into_iter().map(|(kind, ..)| setting(child, kind)));
            child.held.as_ref()
        }
        None => match inventory.others.iter().find(|other| other.address == device) {
            Some(other) => Some(&other.held),
            None => {
                return Err(Failure::sentence(format!("{device} is no virtual function, and nobody has it"))
                    .kind(FailureKind::NotFound)
                    .hint("virtsh sriov ls shows those that there are"));
            }
        },
    };
    fields.extend(holding(held));
    if let Some(held) = held {
        fields.push(Field::new("process", "Process", held.holder.process));
        let changes = Field::new("changes", "Changes", held.changes.clone());
        fields.push(changes.shown(held.changes.join("\n")));
        fields.push(Field::new("failure", "Not restored", held.failure.clone()));
    }
    shell.print(&Reply::Record { fields, width: 14 })
}

/// Every device that somebody has.
pub(super) fn all_held(inventory: &Inventory) -> impl Iterator<Item = (PciAddress, &Held)> {
    let children = inventory.physical_functions.iter().flat_map(|parent| &parent.virtual_functions);
    let children = children.filter_map(|child| Some((child.address, child.held.as_ref()?)));
    children.chain(inventory.others.iter().map(|other| (other.address, &other.held)))
}

fn inventory(sriov: &Sriov) -> Result<Inventory, Failure> {
    sriov.inventory().context(|| "Failed to list this host's devices")
}

/// Whose it is among the host's own.
fn facts(parent: &PhysicalFunction, child: &VirtualFunction) -> Record {
    let name = parent.netdevs.first().map(|netdev| netdev.name.clone());
    vec![
        Field::new("parent", "PF", name),
        Field::new("index", "VF", child.index),
        Field::new("driver", "Driver", child.driver.clone()),
        Field::new("netdev", "Device", child.netdev.clone()),
    ]
}

/// One setting: for programs its value, for people its words.
fn setting(child: &VirtualFunction, kind: VfAttributeKind) -> Field {
    let (_, key, label) = SETTINGS.into_iter().find(|(known, ..)| *known == kind).unwrap_or((kind, "", ""));
    let Some(value) = child.settings.and_then(|info| info.get(kind)) else {
        return Field::new(key, label, Value::Null);
    };
    let words = value.to_string();
    let shown = words.strip_prefix(&kind.to_string()).unwrap_or(&words).trim_start().to_owned();
    // Each is an object with one value under its own name.
    let data = serde_json::to_value::<VfAttribute>(value).unwrap_or_default();
    let data = data.as_object().and_then(|object| object.values().next().cloned()).unwrap_or_default();
    Field::new(key, label, data).shown(shown)
}

/// Who has it, and whether that is well.
fn holding(held: Option<&Held>) -> [Field; 2] {
    let state = match held {
        None => "free",
        Some(held) if held.failure.is_some() => "not restored",
        Some(held) if !held.alive => "abandoned",
        Some(_) => "leased",
    };
    let holder = held.map(|held| held.holder.name.clone());
    [Field::new("holder", "Holder", holder), Field::new("state", "State", state)]
}
