//! Which traits a connection has. New slots stand at the end, one line of documentation and one of code each.

use super::*;
use crate::driver_slots;

driver_slots! {
    /// What a connection can do: one slot a trait, empty where its driver lacks it.
    pub struct Slots {
        /// Finding, defining, describing domains.
        domains / with_domains: Domains in domains,
        /// Starting and stopping them.
        lifecycle / with_lifecycle: Lifecycle in lifecycle,
        /// Their state.
        information / with_information: DomainInformation in domain_information,
        /// Their memory and vCPUs.
        tuning / with_tuning: Tuning in tuning,
        /// Their consoles and screens.
        console / with_console: Console in console,
        /// The host and what it can run.
        host / with_host: HostInformation in host_information,
        /// Conversion of foreign configuration.
        native / with_native: NativeConfiguration in native_configuration,
        /// What a start would do.
        planner / with_planner: Planner in planner,
        /// Work that goes on in domains.
        jobs / with_jobs: Jobs in jobs,
        /// Events.
        events / with_events: Events in events,
        /// The care for guests that no client looks after.
        care / with_care: GuestCare in guest_care,
        /// Devices of the host that are handed over.
        host_devices / with_host_devices: HostDevices in host_devices,
        /// Devices that come and go while a domain exists.
        devices / with_devices: Devices in devices,
        /// Devices of the host as such.
        node_devices / with_node_devices: NodeDevices in node_devices,
        /// Secrets.
        secrets / with_secrets: Secrets in secrets,
        /// Storage pools.
        storage_pools / with_storage_pools: StoragePools in storage_pools,
        /// Volumes of storage pools.
        storage_volumes / with_storage_volumes: StorageVolumes in storage_volumes,
        /// Virtual networks.
        networks / with_networks: Networks in networks,
        /// Their ports.
        network_ports / with_network_ports: NetworkPorts in network_ports,
        /// What the host's security model makes of domains.
        security / with_security: Security in security,
        /// Domains whose memory is kept in files.
        saving / with_saving: Saving in saving,
        /// Snapshots of domains.
        snapshots / with_snapshots: Snapshots in snapshots,
        /// Checkpoints of domains.
        checkpoints / with_checkpoints: Checkpoints in checkpoints,
        /// What domains have used.
        statistics / with_statistics: Statistics in statistics,
    }
}
