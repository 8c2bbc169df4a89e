//! `<hyperv>`: Hyper-V's enlightenments, which make Windows guests faster.

use crate::model::Switch;
use crate::xml::{Reader, Result, Xml, XmlValue};

/// Hyper-V's enlightenments. Each is off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Xml)]
#[xml(name = "hyperv", keep_open, before_read = Hyperv::refuse_unknown, after_read = Hyperv::settle)]
pub struct Hyperv {
    /// Where the set of enlightenments comes from; `custom` by default.
    #[xml(attr, default)]
    pub mode: HypervMode,
    /// Watchdogs in the guest are told to be patient.
    #[xml(attr = "relaxed/@state", required)]
    pub relaxed: Option<Switch>,
    /// A virtual APIC without exits.
    #[xml(attr = "vapic/@state", required)]
    pub vapic: Option<Switch>,
    /// Spinlocks give up the processor.
    #[xml(child)]
    pub spinlocks: Option<HypervSpinlocks>,
    /// The guest can ask which processor it runs on.
    #[xml(attr = "vpindex/@state", required)]
    pub vpindex: Option<Switch>,
    /// The guest can ask how long it really ran.
    #[xml(attr = "runtime/@state", required)]
    pub runtime: Option<Switch>,
    /// The synthetic interrupt controller.
    #[xml(attr = "synic/@state", required)]
    pub synic: Option<Switch>,
    /// Synthetic timers.
    #[xml(child)]
    pub stimer: Option<HypervStimer>,
    /// The guest can reset itself by hypercall.
    #[xml(attr = "reset/@state", required)]
    pub reset: Option<Switch>,
    /// The hypervisor's name.
    #[xml(child = "vendor_id")]
    pub vendor_id: Option<HypervVendorId>,
    /// The guest can ask for its clocks' frequencies.
    #[xml(attr = "frequencies/@state", required)]
    pub frequencies: Option<Switch>,
    /// The guest is told when it was migrated.
    #[xml(attr = "reenlightenment/@state", required)]
    pub reenlightenment: Option<Switch>,
    /// The guest flushes other processors' translations by hypercall.
    #[xml(child)]
    pub tlbflush: Option<HypervTlbflush>,
    /// The guest interrupts other processors by hypercall.
    #[xml(attr = "ipi/@state", required)]
    pub ipi: Option<Switch>,
    /// Nested guests through a shared structure.
    #[xml(attr = "evmcs/@state", required)]
    pub evmcs: Option<Switch>,
    /// Hardware-accelerated interrupt controllers beside the synthetic one.
    #[xml(attr = "avic/@state", required)]
    pub avic: Option<Switch>,
    /// Nested guests' register accesses without exits.
    #[xml(attr = "emsr_bitmap/@state", required)]
    pub emsr_bitmap: Option<Switch>,
    /// Hypercalls take their input in registers.
    #[xml(attr = "xmm_input/@state", required)]
    pub xmm_input: Option<Switch>,
}

/// Where the set of enlightenments comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, XmlValue)]
pub enum HypervMode {
    /// The definition.
    #[default]
    Custom,
    /// Everything that the hypervisor can give.
    Passthrough,
    /// Everything that is known to work on this host, filled in when the guest starts; what the definition sets itself is
    /// left as it is (since 12.1). Since 11.9.
    #[xml("host-model")]
    HostModel,
}

/// Spinlocks give up the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "spinlocks", after_read = HypervSpinlocks::settle)]
pub struct HypervSpinlocks {
    /// Whether they do.
    #[xml(attr)]
    pub state: Switch,
    /// After how many tries, at least 4095.
    #[xml(attr)]
    pub retries: Option<u32>,
}

/// Synthetic timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "stimer")]
pub struct HypervStimer {
    /// Whether there are any.
    #[xml(attr)]
    pub state: Switch,
    /// Whether they interrupt directly.
    #[xml(attr = "direct/@state", required)]
    pub direct: Option<Switch>,
}

/// The guest flushes other processors' translations by hypercall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Xml)]
#[xml(name = "tlbflush")]
pub struct HypervTlbflush {
    /// Whether it does.
    #[xml(attr)]
    pub state: Switch,
    /// Whether nested guests do so directly. Since 11.0.
    #[xml(attr = "direct/@state", required)]
    pub direct: Option<Switch>,
    /// Whether it may name ranges of addresses. Since 11.0.
    #[xml(attr = "extended/@state", required)]
    pub extended: Option<Switch>,
}

/// The hypervisor's name.
#[derive(Clone, Debug, PartialEq, Eq, Xml)]
#[xml(name = "vendor_id", after_read = HypervVendorId::settle)]
pub struct HypervVendorId {
    /// Whether it is changed.
    #[xml(attr)]
    pub state: Switch,
    /// The name, up to 12 characters.
    #[xml(attr)]
    pub value: Option<String>,
}

impl Hyperv {
    fn refuse_unknown(reader: &Reader<'_, '_>) -> Result<()> {
        match reader.unnamed_child::<Self>() {
            Some(name) => {
                Err(reader.unsupported(format!("unsupported HyperV Enlightenment feature: {name}")))
            }
            None => Ok(()),
        }
    }

    /// A set that comes from elsewhere is not picked one by one.
    fn settle(&mut self, _: &Reader<'_, '_>) -> Result<()> {
        if self.mode == HypervMode::Passthrough {
            *self = Self { mode: self.mode, ..Self::default() };
        }
        Ok(())
    }
}

impl HypervSpinlocks {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match self.retries {
            _ if self.state == Switch::Off => {
                self.retries = None;
                Ok(())
            }
            None => Err(reader.missing_attr(&[], "retries")),
            Some(0..4095) => Err(reader.refuse("HyperV spinlock retry count must be at least 4095")),
            Some(_) => Ok(()),
        }
    }
}

impl HypervVendorId {
    fn settle(&mut self, reader: &Reader<'_, '_>) -> Result<()> {
        match &self.value {
            _ if self.state == Switch::Off => {
                self.value = None;
                Ok(())
            }
            None => Err(reader.refuse("missing 'value' attribute for HyperV feature 'vendor_id'")),
            Some(value) if value.len() > 12 => {
                Err(reader.refuse("HyperV vendor_id value must not be more than 12 characters."))
            }
            Some(value) if value.contains(',') => Err(reader.refuse("HyperV vendor_id value is invalid")),
            Some(_) => Ok(()),
        }
    }
}
