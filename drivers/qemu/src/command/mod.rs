//! The command line of a guest: a pure function of the domain document, the binary's capabilities and a [`Launch`].
//!
//! The order of options and the names of devices are libvirt's: migration streams and other people's tools rely on
//! both. One file holds one kind of option; this one holds their order.

mod alias;
mod blockdev;
mod builder;
mod chardev;
mod console;
mod controller;
mod cpu;
mod disk;
mod firmware;
mod graphics;
mod guest_cpu;
mod hostdev;
mod image;
mod launch;
mod line;
mod lockable;
mod machine;
mod memory;
mod misc;
mod net;
mod plug;
mod prepare;
mod props;
mod protocol;
mod sd_card;
mod secret;
mod sound;
mod startable;
mod throttle;
mod video;
mod volume;

pub use alias::assign_aliases;
pub(crate) use alias::disk_index;
pub(crate) use hostdev::subsystem;
pub(crate) use image::has_medium;
pub use launch::*;
pub use line::CommandLine;
pub use lockable::lockable_memory;
pub(crate) use net::virtio_generation;
pub(crate) use plug::{MonitorCommand, plug};
pub use prepare::{Allocator, PortUse, prepare};
pub use props::{Props, escape_commas, on_off};
pub use volume::{FoundVolume, with_volumes};

use virt_conf::model::Domain;
use virt_util::Result;

use self::builder::{Builder, internal, unsupported};
use self::image::NodeNumbers;
use crate::caps::Capabilities;
use crate::model::{BootIndices, ControllerType, accelerator_of, board_of};

/// The command line of `domain`, whose aliases ([`assign_aliases`]) and addresses are assigned.
///
/// Nothing on the host is looked at or changed. What the process needs besides (descriptors, by number) is in the
/// result.
///
/// # Errors
///
/// When this binary cannot run the guest, with libvirt's sentence; or when the document is not ready to start.
pub fn command_line(domain: &Domain, caps: &Capabilities, launch: &mut Launch<'_>) -> Result<CommandLine> {
    let accelerator = accelerator_of(domain.kind)
        .ok_or_else(|| unsupported(format!("the QEMU binary does not support {}", domain.kind.as_str())))?;
    let board = board_of(domain).ok_or_else(|| internal("the domain has no machine type yet"))?;
    let next_fdset = launch.taken.fdsets;
    let mut builder = Builder {
        domain,
        caps,
        board,
        accelerator,
        launch,
        line: CommandLine { program: caps.emulator.clone(), ..CommandLine::default() },
        next_fdset,
    };
    builder.check_startable()?;
    if let Some(emulator) = &domain.devices.emulator {
        builder.line.program.clone_from(emulator);
    }
    builder.build()?;
    Ok(builder.line)
}

impl Builder<'_, '_> {
    fn build(&mut self) -> Result<()> {
        let boot = BootIndices::of(self.domain);
        let mut numbers = NodeNumbers::new(self.caps, self.launch.taken.nodes);
        self.environment();
        self.name();
        self.master_key();
        self.pr_manager();
        self.pflash()?;
        self.machine()?;
        self.accel();
        self.tseg()?;
        self.cpu()?;
        self.loader();
        self.memory()?;
        self.overcommit();
        self.smp()?;
        self.iothreads()?;
        self.throttle_groups();
        self.numa()?;
        self.identity()?;
        self.generation_id()?;
        self.sysinfo()?;
        self.no_display();
        self.line.push("-no-user-config");
        self.line.push("-nodefaults");
        self.monitor();
        self.clock()?;
        self.power_management();
        self.boot()?;
        self.iommu()?;
        self.global_controllers()?;
        self.controllers()?;
        self.memory_devices()?;
        self.hubs()?;
        self.controllers_of(ControllerType::Ccid)?;
        self.disks(&mut numbers, &boot)?;
        self.filesystems()?;
        self.interfaces(&boot)?;
        self.smartcards()?;
        self.serials()?;
        self.parallels()?;
        self.channels()?;
        self.consoles()?;
        self.tpms()?;
        self.inputs()?;
        self.audios();
        self.graphics()?;
        self.videos()?;
        self.sounds()?;
        self.watchdogs()?;
        self.redirected_devices()?;
        self.hostdevs(&mut numbers, &boot)?;
        self.origin();
        self.balloon()?;
        self.rngs()?;
        self.nvram();
        self.vmcoreinfo();
        self.launch_security()?;
        self.passthrough();
        self.sandbox()?;
        self.panics()?;
        self.shared_memories()?;
        self.vsock()?;
        self.pstore()?;
        self.cryptos()?;
        self.teardown_and_messages()
    }

    /// What the process sees of its surroundings: nothing of whoever starts it, and directories of its own.
    fn environment(&mut self) {
        let home = self.launch.paths.guest.clone();
        let mut add = |name: &str, value: String| self.line.environment.push((name.to_owned(), value));
        let privileged = self.launch.settings.privileged;
        for (name, value) in &self.launch.settings.environment {
            add(name, if privileged && name == "HOME" { home.clone() } else { value.clone() });
        }
        if privileged {
            add("XDG_DATA_HOME", format!("{home}/.local/share"));
            add("XDG_CACHE_HOME", format!("{home}/.cache"));
            add("XDG_CONFIG_HOME", format!("{home}/.config"));
        }
    }

    /// Where the guest's state comes from.
    fn origin(&mut self) {
        match &self.launch.origin {
            Origin::Boot => {}
            Origin::Incoming(uri) => self.line.option("-incoming", uri.clone()),
            Origin::Snapshot(name) => self.line.option("-loadvm", name.clone()),
        }
    }

    /// Options that the user gives to QEMU directly.
    fn passthrough(&mut self) {
        let commandline = &self.domain.qemu.commandline;
        for variable in &commandline.envs {
            let value = variable.value.clone().unwrap_or_default();
            self.line.environment.push((variable.name.clone(), value));
        }
        for argument in &commandline.args {
            self.line.push(argument.value.clone());
        }
    }
}
