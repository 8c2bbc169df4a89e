//! What starting a guest would do, as data.

use serde_json::json;
use virt_conf::model::Domain;

use crate::definition;

/// The plan of starting `domain`. The simulated host is not touched, so all that happens is in the driver's own memory.
pub(crate) fn start(domain: &Domain, paused: bool) -> String {
    let mut steps = vec![json!({
        "action": "reserve-id",
        "id": "any",
        "description": "give the guest the next number of the host",
    })];
    for target in domain.devices.interfaces.iter().filter_map(|interface| interface.target.dev.as_deref()) {
        steps.push(json!({
            "action": "name-interface",
            "interface": target,
            "description": format!("show the guest's interface as '{target}'"),
        }));
    }
    steps.push(json!({
        "action": "simulate",
        "memory_kib": definition::memory(domain),
        "vcpus": definition::vcpus(domain),
        "description": format!("let the guest '{}' be running", domain.name),
    }));
    if paused {
        steps.push(json!({ "action": "pause", "description": "stop its CPUs" }));
    }
    let plan = json!({
        "version": 1,
        "driver": "test",
        "domain": { "name": domain.name, "uuid": domain.uuid.map(|uuid| uuid.to_string()) },
        "steps": steps,
        "command": [],
        "ignored": [],
    });
    plan.to_string()
}
