//! The host, connections, streams.

use crate::abi_data;

abi_data! {
    /// What a driver is asked to open.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct OpenRequest as OpenRequestAbi {
        /// The URI as the application gave it, aliases resolved.
        pub uri: String,
        /// Whether the connection may only read.
        pub read_only: bool,
        /// The role that is wanted: `hypervisor`, `network`, `storage` ...
        pub role: String,
    }

    /// `virNodeInfo`
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct NodeInfo as NodeInfoAbi {
        /// The CPU's architecture, `x86_64`; libvirt cuts it at 31 bytes.
        pub model: String,
        /// Memory, in KiB.
        pub memory: u64,
        /// CPUs that are online.
        pub cpus: u32,
        /// Their frequency, in MHz; 0 where unknown.
        pub mhz: u32,
        /// NUMA nodes; 1 where the topology is unusual.
        pub nodes: u32,
        /// Sockets a node.
        pub sockets: u32,
        /// Cores a socket.
        pub cores: u32,
        /// Threads a core.
        pub threads: u32,
    }

    /// For which guests the capabilities are asked; what is left out is the driver's default.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DomainCapabilitiesRequest as DomainCapabilitiesRequestAbi {
        /// Path of the emulator.
        pub emulator: Option<String>,
        /// Architecture, `x86_64`.
        pub architecture: Option<String>,
        /// Machine type.
        pub machine: Option<String>,
        /// `kvm`, `qemu` ...
        pub virtualization: Option<String>,
    }

    /// Part of a stream.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct StreamChunk as StreamChunkAbi {
        /// Bytes; empty at the end and in a hole.
        pub data: Vec<u8>,
        /// The length of a hole, in bytes; 0 where there is none.
        pub hole: u64,
        /// Whether nothing follows.
        pub end: bool,
    }

    /// A picture of a guest's screen.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Screenshot as ScreenshotAbi {
        /// `image/png`, `image/x-portable-pixmap`
        pub mime_type: String,
        /// The picture.
        pub data: Vec<u8>,
    }

    /// A program of the host's that a driver may run for its guests.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct HelperProgram as HelperProgramAbi {
        /// The file.
        pub path: String,
        /// Arguments that come before the driver's own.
        pub arguments: Vec<String>,
    }
}
