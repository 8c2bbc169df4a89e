//! How to read and how to write: libvirt's parse and format flags.

bitflags::bitflags! {
    /// How to read a document, libvirt's `VIR_DOMAIN_DEF_PARSE_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ParseFlags: u32 {
        /// A persistent definition: what only a running guest has is not read.
        const INACTIVE = 1 << 0;
        /// A driver's own state file: private elements are read.
        const STATUS = 1 << 1;
        /// The `<actual>` of an interface is read.
        const ACTUAL_NET = 1 << 2;
        /// The original state of assigned PCI devices is read.
        const PCI_ORIG_STATES = 1 << 3;
        /// A new definition: defaults may be chosen freely, as no guest depends on them yet.
        const ABI_UPDATE = 1 << 4;
        /// Neither the neutral validation nor the driver's is run.
        const SKIP_VALIDATE = 1 << 5;
        /// As [`ABI_UPDATE`](Self::ABI_UPDATE), for a guest that comes from elsewhere.
        const ABI_UPDATE_MIGRATION = 1 << 6;
        /// What the driver cannot fill in now is left for later, when the guest starts.
        const ALLOW_POST_PARSE_FAIL = 1 << 7;
        /// A volume that takes its size from another one may leave it out.
        const NO_CAPACITY = 1 << 8;
        /// A snapshot or checkpoint that was made before: when, after which one, and of which guest are read, too.
        const REDEFINE = 1 << 9;
        /// With [`REDEFINE`](Self::REDEFINE), a driver's own record of a snapshot, which tells the current one.
        const INTERNAL = 1 << 10;
        /// A device of the host that is to be made: what it is called, and which number it has, follows from that.
        const CREATE = 1 << 11;
    }

    /// How to write a document, libvirt's `VIR_DOMAIN_DEF_FORMAT_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FormatFlags: u32 {
        /// Passwords are written.
        const SECURE = 1 << 0;
        /// What only a running guest has is left out.
        const INACTIVE = 1 << 1;
        /// The guest's CPU as the hypervisor runs it; acted on by drivers.
        const UPDATE_CPU = 1 << 2;
        /// What older versions would not understand on migration is left out.
        const MIGRATABLE = 1 << 3;
        /// A driver's own state file: private elements are written.
        const STATUS = 1 << 4;
        /// The `<actual>` of an interface is written.
        const ACTUAL_NET = 1 << 5;
        /// The original state of assigned PCI devices is written.
        const PCI_ORIG_STATES = 1 << 6;
        /// The clock's adjustment while the guest runs is written.
        const CLOCK_ADJUST = 1 << 7;
        /// A driver's own record of a snapshot: whether it is the current one is written.
        const INTERNAL = 1 << 8;
    }
}

/// How to read a document.
#[derive(Clone, Debug, Default)]
pub struct ParseOptions {
    /// libvirt's flags; none by default, which reads a running guest's document.
    pub flags: ParseFlags,
    /// Refuse unknown and repeated names instead of ignoring them as libvirt does.
    pub strict: bool,
}

/// How to write a document.
#[derive(Clone, Copy, Debug, Default)]
pub struct FormatOptions {
    /// libvirt's flags; none by default, which writes a running guest's document without passwords.
    pub flags: FormatFlags,
}

impl ParseOptions {
    /// Reads a persistent definition.
    #[must_use]
    pub fn inactive() -> Self {
        Self { flags: ParseFlags::INACTIVE, strict: false }
    }

    /// Refuses names that no model knows.
    pub const STRICT: Self = Self { flags: ParseFlags::empty(), strict: true };
}

impl FormatOptions {
    /// Writes a persistent definition, without passwords.
    pub const INACTIVE: Self = Self { flags: FormatFlags::INACTIVE };

    /// Whether what only a running guest has is written.
    #[must_use]
    pub fn live(self) -> bool {
        !self.flags.contains(FormatFlags::INACTIVE)
    }
}

impl From<FormatFlags> for FormatOptions {
    fn from(flags: FormatFlags) -> Self {
        Self { flags }
    }
}

impl From<ParseFlags> for ParseOptions {
    fn from(flags: ParseFlags) -> Self {
        Self { flags, strict: false }
    }
}
