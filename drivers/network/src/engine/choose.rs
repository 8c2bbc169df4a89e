//! What a definition leaves to the driver: the bridge's name and address.

use nix::net::if_::if_nametoindex;
use virt_conf::model::{MacAddress, Network};
use virt_util::Result;

use super::Engine;
use crate::internal;
use crate::state::uuid_of;

/// How many names are tried.
const LAST: u32 = 256;

/// The names of bridges that nobody named.
const PATTERN: &str = "virbr%d";

impl Engine {
    /// Chooses what is missing, and refuses a bridge that is another network's.
    pub(super) fn complete(&self, network: &mut Network) -> Result<()> {
        let taken = self.store.bridges(uuid_of(network)?)?;
        let is_made = network.makes_bridge();
        if is_made {
            let bridge = network.bridge.get_or_insert_default();
            let pattern = match &bridge.name {
                Some(name) if !name.contains("%d") => None,
                Some(pattern) => Some(pattern.clone()),
                None => Some(PATTERN.to_owned()),
            };
            if let Some(pattern) = pattern {
                let free = |name: &String| !taken.contains(name) && if_nametoindex(name.as_str()).is_err();
                let mut names = (0..=LAST).map(|number| pattern.replacen("%d", &number.to_string(), 1));
                let full = || internal(format!("Bridge generation exceeded max id {LAST}"));
                bridge.name = Some(names.find(free).ok_or_else(full)?);
            }
            network.mac.get_or_insert_with(random_mac);
        }
        let name = network.bridge.as_ref().and_then(|bridge| bridge.name.as_ref());
        if let Some(name) = name.filter(|name| is_made && taken.contains(name)) {
            return Err(internal(format!("bridge name '{name}' already in use.")));
        }
        Ok(())
    }
}

/// An address under libvirt's prefix.
fn random_mac() -> MacAddress {
    let mut bytes = [0x52, 0x54, 0, 0, 0, 0];
    bytes[3..].fill_with(|| fastrand::u8(..));
    MacAddress(bytes)
}
