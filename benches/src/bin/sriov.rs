//! Preparing a virtual function for a guest and releasing it, and the bare sequence of requests to the kernel that it takes.
//! To be run as root on a machine with a physical function at `PARENT` that has virtual ones: in the lab.
//!
//! usage: `sriov ours URI VF | floor PARENT VF`, `VF` being the address of a virtual function

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use virt_core::Registry;
use virt_core::sriov::{MacAddress, PciAddress, Request, Selection, Settings, Sriov, Vlan, Wish};
use virt_util::netlink::{Netlink, VfAttribute, VfInfo};
use virt_util::wait::Wait;

const MAC: &str = "00:11:22:33:44:55";
const VLAN: u16 = 42;

/// How often it is done for one sample, after once that does not count.
const TIMES: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ours", uri, vf] => ours(uri, vf.parse()?),
        ["floor", parent, vf] => floor(parent, vf),
        _ => Err("usage: sriov ours URI VF | floor PARENT VF".into()),
    }
}

fn settings() -> Result<(MacAddress, Vlan), Box<dyn Error>> {
    Ok((MAC.parse()?, Vlan { id: VLAN, ..Vlan::default() }))
}

/// Prints the sample of what prepares and what releases.
fn cycles(
    mut prepare: impl FnMut() -> Result<(), Box<dyn Error>>,
    mut release: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    prepare()?;
    release()?;
    let begin = Instant::now();
    for _ in 0..TIMES {
        prepare()?;
        release()?;
    }
    virt_benches::time("sriov", begin.elapsed() / TIMES);
    Ok(())
}

fn ours(uri: &str, vf: PciAddress) -> Result<(), Box<dyn Error>> {
    let sriov = Sriov::open_with(Registry::global(), uri)?;
    let (mac, vlan) = settings()?;
    let mut request = Request::new("bench");
    let settings = Settings { mac: Some(mac), vlan: Some(vlan), ..Settings::default() };
    request.devices.push(Wish::new(Selection::Address(vf)).with(settings).bound_to("vfio-pci"));
    cycles(
        || {
            let prepared = sriov.prepare(&request)?;
            let driver = prepared.devices.first().and_then(|device| device.driver.as_deref());
            if driver == Some("vfio-pci") { Ok(()) } else { Err(format!("it has {driver:?}").into()) }
        },
        || Ok(sriov.release("bench").map(drop)?),
    )
}

/// The kernel's work alone: what was is read and set again, the function changes its driver, and each change is seen to have
/// been made. Nobody is told, nothing is written down, nobody else is kept away.
fn floor(parent: &str, vf: &str) -> Result<(), Box<dyn Error>> {
    let (device, parent) = (devices().join(vf), devices().join(parent));
    let netdev = fs::read_dir(parent.join("net"))?.next().ok_or("it has no network device")??.path();
    let link: u32 = fs::read_to_string(netdev.join("ifindex"))?.trim().parse()?;
    let number = number(&parent, &device)?;
    let mut netlink = Netlink::open()?;
    let before = info(&mut netlink, link, number)?;
    let driver = driver(&device)?;
    let (mac, vlan) = settings()?;
    let set = |netlink: &mut Netlink, mac, vlan| -> Result<(), Box<dyn Error>> {
        for attribute in [VfAttribute::Mac(mac), VfAttribute::Vlan(vlan)] {
            netlink.set_vf(link, number, attribute, Wait::FOREVER)?;
        }
        let now = info(netlink, link, number)?;
        if (now.mac, now.vlan) == (mac, vlan) { Ok(()) } else { Err("it is not set".into()) }
    };
    let mut other = Netlink::open()?;
    cycles(
        || {
            fs::write(device.join("driver_override"), "vfio-pci\n")?;
            fs::write(device.join("driver/unbind"), vf)?;
            set(&mut netlink, mac, vlan)?;
            bind(&device, vf, "vfio-pci")
        },
        || {
            fs::write(device.join("driver_override"), "\n")?;
            fs::write(device.join("driver/unbind"), vf)?;
            set(&mut other, before.mac, before.vlan)?;
            bind(&device, vf, &driver)
        },
    )
}

fn devices() -> PathBuf {
    "/sys/bus/pci/devices".into()
}

fn bind(device: &Path, address: &str, wanted: &str) -> Result<(), Box<dyn Error>> {
    fs::write("/sys/bus/pci/drivers_probe", address)?;
    let now = driver(device)?;
    if now == wanted { Ok(()) } else { Err(format!("{now} has it").into()) }
}

fn driver(device: &Path) -> Result<String, Box<dyn Error>> {
    let link = fs::read_link(device.join("driver"))?;
    Ok(link.file_name().ok_or("the driver has no name")?.to_string_lossy().into_owned())
}

/// Which of its parent's virtual functions it is.
fn number(parent: &Path, device: &Path) -> Result<u32, Box<dyn Error>> {
    let address = device.file_name().ok_or("the device has no name")?;
    for number in 0.. {
        let link = fs::read_link(parent.join(format!("virtfn{number}")))?;
        if link.file_name() == Some(address) {
            return Ok(number);
        }
    }
    Err("it has too many".into())
}

fn info(netlink: &mut Netlink, link: u32, number: u32) -> Result<VfInfo, Box<dyn Error>> {
    let link = netlink.link(link, Wait::FOREVER)?;
    Ok(link.vfs.into_iter().find(|vf| vf.index == number).ok_or("the kernel does not show it")?)
}
