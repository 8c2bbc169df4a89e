//! Defaults that need no hypervisor: the domain's own.

mod memory;
mod threads;

use uuid::Uuid;

use super::way::Way;
use super::{DomainHooks, Features};
use crate::error::{plain, refuse, unsupported};
use crate::model::{
    Boot, BootDevice, Cpu, CpuCheck, CpuMode, DeviceInfo, Domain, DomainType, LifecycleAction, LoaderType,
    OsBoot, SecurityLabel, SecurityLabelType,
};
use crate::xml::{Element as _, ErrorCode, ErrorDomain, ParseFlags, ParseOptions, Result, Within};

/// Kinds of guests, as `<os>` names them.
const OS_TYPES: [&str; 6] = ["hvm", "xen", "linux", "exe", "uml", "xenpvh"];

/// The architectures of guests and hosts, as libvirt names them.
pub const ARCHITECTURES: [&str; 37] = [
    "alpha",
    "armv6l",
    "armv7l",
    "armv7b",
    "aarch64",
    "cris",
    "i686",
    "ia64",
    "lm32",
    "loongarch64",
    "m68k",
    "microblaze",
    "microblazeel",
    "mips",
    "mipsel",
    "mips64",
    "mips64el",
    "openrisc",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppc64le",
    "ppcemb",
    "ppcle",
    "riscv32",
    "riscv64",
    "s390",
    "s390x",
    "sh4",
    "sh4eb",
    "sparc",
    "sparc64",
    "unicore32",
    "x86_64",
    "xtensa",
    "xtensaeb",
];

impl Domain {
    /// Fills in what libvirt fills in for any hypervisor, and what `hooks` add.
    ///
    /// # Errors
    ///
    /// When the definition cannot be completed.
    pub fn post_parse(&mut self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.post_parse_steps(options, hooks).within(Self::NAME)
    }

    fn post_parse_steps(&mut self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        self.fill_in_identity(hooks)?;
        self.fill_in_os(hooks).within("os")?;
        self.fill_in_lifecycle();
        self.fill_in_threads(hooks)?;
        self.fill_in_hugepages();
        self.fill_in_numatune()?;
        self.check_sysinfo()?;
        self.settle_seclabels(options, hooks)?;
        hooks.domain_post_parse_basic(self, options)?;
        hooks.domain_post_parse(self, options)?;
        self.fill_in_boot_order()?;
        self.post_parse_devices(options, hooks).within("devices")?;
        self.check_processor()?;
        self.check_init()?;
        self.fill_in_memory(options)?;
        hooks.assign_addresses(self, options)?;
        self.repeat_serial_in_console();
        Ok(())
    }

    fn fill_in_identity(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        if self.name.is_empty() {
            return Err(crate::xml::Error::bare(ErrorCode::NO_NAME, ErrorDomain::DOMAIN));
        }
        if self.name.contains('/') && !hooks.features().contains(Features::NAME_SLASH) {
            return Err(refuse(format!("name {} cannot contain '/'", self.name)).within("name"));
        }
        Self::check_title(self.title.as_deref().unwrap_or_default()).within("title")?;
        self.uuid.get_or_insert_with(Uuid::new_v4);
        if let Some(generation) = &mut self.genid {
            generation.id.get_or_insert_with(Uuid::new_v4);
        }
        Ok(())
    }

    fn fill_in_os(&mut self, hooks: &dyn DomainHooks) -> Result<()> {
        let kind = &mut self.os.kind;
        if kind.name.is_empty() {
            if self.bootloader.is_none() {
                return Err(refuse("an os <type> must be specified"));
            }
            "xen".clone_into(&mut kind.name);
        }
        if !OS_TYPES.contains(&kind.name.as_str()) {
            return Err(unsupported(format!("unknown OS type '{}'", kind.name)).within("type"));
        }
        kind.arch = kind.arch.take().filter(|arch| !arch.is_empty());
        if let Some(arch) = kind.arch.as_deref().filter(|arch| !ARCHITECTURES.contains(arch)) {
            return Err(unsupported(format!("Unknown architecture {arch}")).within("type/@arch"));
        }
        // What Xen calls paravirtualized has always been written as "linux".
        if self.kind == DomainType::Xen && kind.name == "xen" {
            "linux".clone_into(&mut kind.name);
        }
        kind.arch.get_or_insert_with(|| hooks.host_arch().to_owned());
        // Code and variables have one format; where the code is given, it has its own.
        let named = self.os.loader.is_some();
        if !named && let Some(format) = self.os.nvram.as_ref().and_then(|nvram| nvram.format) {
            self.os.loader.get_or_insert_default().format.get_or_insert(format);
        }
        if let Some(loader) = &mut self.os.loader
            && !loader.path.is_empty()
        {
            loader.kind.get_or_insert(LoaderType::Rom);
        }
        Ok(())
    }

    fn fill_in_lifecycle(&mut self) {
        self.on_poweroff.get_or_insert(LifecycleAction::Destroy);
        self.on_reboot.get_or_insert(LifecycleAction::Restart);
        self.on_crash.get_or_insert(LifecycleAction::Destroy);
    }

    /// Without a model there is nothing to compare the guest's processor with.
    fn check_processor(&self) -> Result<()> {
        let bare = |cpu: &&Cpu| {
            matches!(cpu.mode, None | Some(CpuMode::Custom))
                && cpu.model.as_ref().is_none_or(|model| model.name.is_empty())
                && cpu.check != CpuCheck::Default
        };
        match self.cpu.as_ref().filter(bare) {
            Some(_) => {
                Err(unsupported("check attribute specified for CPU with no model").within("cpu/@check"))
            }
            None => Ok(()),
        }
    }

    fn check_init(&self) -> Result<()> {
        if self.os.kind.name == "exe" && self.os.init.is_none() {
            return Err(refuse("init binary must be specified").within("os"));
        }
        Ok(())
    }

    /// A guest that names nothing to boot from boots from its disk.
    fn fill_in_boot_order(&mut self) -> Result<()> {
        if self.os.kind.name != "hvm" || self.bootloader.is_some() {
            return Ok(());
        }
        let mut orders: Vec<u32> = self.boots().map(|(_, _, boot)| boot.order).collect();
        orders.sort_unstable();
        if let Some(pair) = orders.windows(2).find(|pair| pair.first() == pair.last()) {
            let order = pair.first().copied().unwrap_or_default();
            let error = unsupported(format!("boot order '{order}' used for more than one device"));
            let second = self.boots().filter(|(_, _, boot)| boot.order == order).nth(1);
            let way = second.map(|(device, at, _)| device.way(at)).unwrap_or_default();
            return Err(error.within("boot/@order").within(way).within("devices"));
        }
        match (self.os.boots.is_empty(), orders.is_empty()) {
            (false, false) => {
                let error = "per-device boot elements cannot be used together with os/boot elements";
                Err(unsupported(error).within("os/boot"))
            }
            (true, true) => {
                self.os.boots.push(OsBoot { dev: BootDevice::Hd });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The places in the boot order that devices ask for.
    fn boots(&self) -> impl Iterator<Item = (&dyn Way, usize, &Boot)> {
        fn boots<T: Way>(
            devices: &[T],
            info: impl Fn(&T) -> &DeviceInfo,
        ) -> impl Iterator<Item = (&dyn Way, usize, &Boot)> {
            let boot = move |(at, device)| Some((device as &dyn Way, at, info(device).boot.as_ref()?));
            devices.iter().enumerate().filter_map(boot)
        }
        let devices = &self.devices;
        boots(&devices.disks, |disk| &disk.info)
            .chain(boots(&devices.filesystems, |filesystem| &filesystem.info))
            .chain(boots(&devices.interfaces, |interface| &interface.info))
            .chain(boots(&devices.hostdevs, |hostdev| &hostdev.info))
            .chain(boots(&devices.redirected, |device| &device.info))
    }

    fn check_sysinfo(&mut self) -> Result<()> {
        let Some(uuid) = self.uuid else { return Ok(()) };
        for (at, sysinfo) in self.sysinfos.iter_mut().enumerate() {
            let crate::model::Sysinfo::Smbios(tables) = sysinfo else { continue };
            let refused = |sentence| {
                Err(plain(sentence)
                    .within("system/entry[@name='uuid']")
                    .within_nth(crate::model::Sysinfo::NAME, at))
            };
            let Some(text) = &tables.system.uuid else { continue };
            let given = text.parse::<Uuid>();
            match given {
                Err(_) => return refused("malformed <sysinfo> uuid element"),
                Ok(given) if given != uuid => {
                    return refused("UUID mismatch between <uuid> and <sysinfo>");
                }
                // Although the guest may have read the UUID in any spelling, it is told in one.
                Ok(given) => tables.system.uuid = Some(given.hyphenated().to_string()),
            }
        }
        Ok(())
    }

    fn settle_seclabels(&mut self, options: &ParseOptions, hooks: &dyn DomainHooks) -> Result<()> {
        if let ([label], Some(model)) = (&mut *self.seclabels, hooks.default_security_model())
            && label.model.is_none()
        {
            let inactive = options.flags.contains(ParseFlags::INACTIVE);
            match label.kind {
                Some(SecurityLabelType::None) => {}
                Some(SecurityLabelType::Dynamic) if inactive && label.baselabel.is_none() => {}
                _ => {
                    let error = refuse("missing security model in domain seclabel");
                    return Err(error.within(SecurityLabel::NAME));
                }
            }
            label.model = Some(model.to_owned());
            if model == "none" && inactive {
                label.kind = Some(SecurityLabelType::None);
                label.relabel = None;
            }
        }
        // Without a type it says no more than no label at all.
        self.seclabels.retain(|label| label.kind.is_some());
        for (at, label) in self.seclabels.iter().enumerate() {
            let earlier = self.seclabels.iter().take(at).any(|other| other.model == label.model);
            if let Some(model) = label.model.as_deref().filter(|_| earlier) {
                let error = plain(format!("seclabel for model {model} is already provided"));
                return Err(error.within_nth(SecurityLabel::NAME, at));
            }
        }
        if self.seclabels.len() > 1 && self.seclabels.iter().any(|label| label.model.is_none()) {
            let bare = self.seclabels.iter().position(|label| label.model.is_none()).unwrap_or_default();
            let error = refuse("missing security model when using multiple labels");
            return Err(error.within_nth(SecurityLabel::NAME, bare));
        }
        Ok(())
    }
}
