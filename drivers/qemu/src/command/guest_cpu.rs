//! The guest's processor on this host: after this step the definition names a model that the binary has.

use virt_conf::cpu;
use virt_conf::cpu_map::{CpuMap, take_host_model};
use virt_conf::model::{Cpu, CpuCheck, CpuDocument, CpuFallback, CpuFeaturePolicy, CpuMode, Domain};
use virt_util::Result;

use super::HostFacts;
use super::builder::unsupported;
use crate::caps::{Accelerator, Arch, Capabilities, Flag, is_qemu_feature};
use crate::model::{accelerator_of, board_of};

/// Settles what a definition leaves to the host: `host-model`, optional features, models that the binary lacks.
pub(super) fn settle(domain: &mut Domain, caps: &Capabilities, host: &HostFacts) -> Result<()> {
    let kind = domain.kind;
    let Some(board) = board_of(domain) else { return Ok(()) };
    let (arch, accelerator) = (board.arch, accelerator_of(kind).unwrap_or(Accelerator::Tcg));
    let Some(cpu) = &mut domain.cpu else { return Ok(()) };
    let Some(mode) = cpu.mode else { return Ok(()) };
    let unknown_mode = |mode: CpuMode| {
        unsupported(format!(
            "CPU mode '{}' for {arch} {} domain on {} host is not supported by hypervisor",
            mode.as_str(),
            kind.as_str(),
            caps.arch
        ))
    };
    match mode {
        CpuMode::Custom if cpu.model.is_none() => return Ok(()),
        _ => check_features(cpu, arch)?,
    }
    if cpu.deprecated_features.is_some() && !caps.has(Flag::QueryCpuModelExpansionDeprecatedProps) {
        return Err(unsupported("toggling deprecated features for CPU model is unsupported"));
    }
    match mode {
        CpuMode::HostPassthrough if accelerator == Accelerator::Tcg => return Err(unknown_mode(mode)),
        CpuMode::HostPassthrough | CpuMode::Maximum => {}
        CpuMode::Custom | CpuMode::HostModel if arch.is_x86() || arch.is_s390() => {
            let model = caps.host_model(accelerator, true, host.processor.as_ref());
            if mode == CpuMode::HostModel && model.is_none() {
                return Err(unknown_mode(mode));
            }
            if cpu.check == CpuCheck::Partial && !is_usable(cpu, caps, accelerator) {
                let whole = caps.host_model(accelerator, false, host.processor.as_ref());
                let asked = CpuDocument::Guest(Box::new(cpu.clone()));
                cpu::compare(arch.name(), whole.as_ref(), &asked)?.or_refuse()?;
            }
            settle_model(cpu, arch, caps, accelerator, model.as_ref())?;
        }
        CpuMode::Custom => settle_model(cpu, arch, caps, accelerator, None)?,
        CpuMode::HostModel => {}
    }
    cpu.features.retain(|feature| is_qemu_feature(arch, &feature.name));
    if let Some(known) = caps.known_features(accelerator).filter(|_| arch.is_x86()) {
        // What QEMU does not know, it does not give to the guest either.
        cpu.features.retain(|feature| {
            !matches!(feature.policy, CpuFeaturePolicy::Disable | CpuFeaturePolicy::Forbid)
                || known.contains(&feature.name.as_str())
        });
    }
    Ok(())
}

/// Features have names that the architecture knows.
fn check_features(guest: &Cpu, arch: Arch) -> Result<()> {
    let is_known = |name: &str| cpu::knows_feature(arch.name(), name) || !is_qemu_feature(arch, name);
    match guest.features.iter().find(|feature| !is_known(&feature.name)) {
        Some(feature) => Err(unsupported(format!("unknown CPU feature: {}", feature.name))),
        None => Ok(()),
    }
}

/// Whether QEMU itself says that the host can run the model, and the definition wants nothing more of it.
fn is_usable(cpu: &Cpu, caps: &Capabilities, accelerator: Accelerator) -> bool {
    let model = cpu.model.as_ref().and_then(|model| caps.cpu_model(accelerator, &model.name));
    let wants_more = cpu.features.iter().any(|feature| feature.policy == CpuFeaturePolicy::Require);
    model.is_some_and(|model| model.usable == Some(true)) && !wants_more
}

fn settle_model(
    cpu: &mut Cpu,
    arch: Arch,
    caps: &Capabilities,
    accelerator: Accelerator,
    host: Option<&Cpu>,
) -> Result<()> {
    if arch.is_x86() {
        let map = CpuMap::x86();
        map.update(cpu, host)?;
        map.translate(cpu, &caps.cpu_candidates(accelerator))?;
    } else if let (Some(CpuMode::HostModel), Some(host)) = (cpu.mode, host) {
        take_host_model(cpu, host);
    } else if cpu.mode == Some(CpuMode::Custom) {
        cpu::update(arch.name(), cpu, None)?;
        cpu::translate(arch.name(), cpu, &caps.cpu_candidates(accelerator))?;
    }
    if let Some(state) = cpu.deprecated_features {
        caps.settle_deprecated(accelerator, cpu, state);
    }
    if let Some(model) = &mut cpu.model {
        model.fallback = Some(CpuFallback::Forbid);
    }
    Ok(())
}
