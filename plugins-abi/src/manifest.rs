//! What a plugin says about itself in its file, to be read without opening it.

/// The section of the shared object that holds the manifest.
pub const SECTION: &str = ".virt.driver";

/// The version of this crate: the ABI.
pub const ABI_VERSION: &str = env!("CARGO_PKG_VERSION");

/// This very build of this crate: its sources, the compiler and the target. Equal builds have equal layouts.
pub const ABI_BUILD: &str = env!("VIRT_ABI_BUILD");

/// What a driver is.
///
/// ```
/// use plugins_abi::Manifest;
///
/// const MANIFEST: Manifest = Manifest {
///     name: "test",
///     version: "0.1.0",
///     description: "Simulated guests",
///     schemes: &["test"],
///     roles: &["hypervisor"],
/// };
/// assert_eq!(Manifest::parse(&MANIFEST.encode()).unwrap().schemes, ["test"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its name, unique among the drivers of a host.
    pub name: &'static str,
    /// Its own version.
    pub version: &'static str,
    /// A few words for people.
    pub description: &'static str,
    /// The URI schemes it serves, without transport.
    pub schemes: &'static [&'static str],
    /// What it is: `hypervisor`, `network`, `storage` ... What a hypervisor's driver lacks, its connections have from the
    /// drivers of this host for `network`, `nodedev` ...; not beside one that is `alone` too, because its host is simulated or
    /// elsewhere.
    pub roles: &'static [&'static str],
}

/// Room for a manifest in a plugin's file.
pub const SIZE: usize = 1024;
const MAGIC: &str = "virt-driver 1\n";

/// A [`Manifest`] that was read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundManifest {
    /// Unique among the drivers of a host; not empty.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The version of this crate that it was built with.
    pub abi: String,
    /// The build of this crate that it contains, as in [`ABI_BUILD`].
    pub build: String,
    /// A few words for people.
    pub description: String,
    /// The URI schemes it serves.
    pub schemes: Vec<String>,
    /// What it is.
    pub roles: Vec<String>,
}

impl Manifest {
    /// The bytes for the file: lines of `key=value`, padded with zeros.
    ///
    /// # Panics
    ///
    /// At compile time, when the manifest does not fit.
    pub const fn encode(&self) -> [u8; SIZE] {
        let mut out = ([0; SIZE], 0);
        out = put(out, MAGIC);
        out = put(put(put(out, "name="), self.name), "\n");
        out = put(put(put(out, "version="), self.version), "\n");
        out = put(put(put(out, "abi="), ABI_VERSION), "\n");
        out = put(put(put(out, "build="), ABI_BUILD), "\n");
        out = put(put(put(out, "description="), self.description), "\n");
        out = put(put_all(put(out, "schemes="), self.schemes), "\n");
        out = put(put_all(put(out, "roles="), self.roles), "\n");
        out.0
    }

    /// What [`Manifest::encode`] wrote; nothing where these bytes are something else. Unknown keys are passed over.
    pub fn parse(bytes: &[u8]) -> Option<FoundManifest> {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(bytes.get(..end)?).ok()?.strip_prefix(MAGIC)?;
        let mut found = FoundManifest::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let list = || value.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
            match key {
                "name" => value.clone_into(&mut found.name),
                "version" => value.clone_into(&mut found.version),
                "abi" => value.clone_into(&mut found.abi),
                "build" => value.clone_into(&mut found.build),
                "description" => value.clone_into(&mut found.description),
                "schemes" => found.schemes = list(),
                "roles" => found.roles = list(),
                _ => {}
            }
        }
        (!found.name.is_empty() && !found.abi.is_empty()).then_some(found)
    }
}

impl From<&Manifest> for FoundManifest {
    fn from(manifest: &Manifest) -> Self {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            name: manifest.name.to_owned(),
            version: manifest.version.to_owned(),
            abi: ABI_VERSION.to_owned(),
            build: ABI_BUILD.to_owned(),
            description: manifest.description.to_owned(),
            schemes: list(manifest.schemes),
            roles: list(manifest.roles),
        }
    }
}

const fn put(mut out: ([u8; SIZE], usize), text: &str) -> ([u8; SIZE], usize) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        assert!(out.1 < SIZE - 1, "the driver's manifest is longer than its section");
        out.0[out.1] = bytes[at];
        out.1 += 1;
        at += 1;
    }
    out
}

const fn put_all(mut out: ([u8; SIZE], usize), words: &[&str]) -> ([u8; SIZE], usize) {
    let mut at = 0;
    while at < words.len() {
        if at > 0 {
            out = put(out, ",");
        }
        out = put(out, words[at]);
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_no_manifest() {
        for bytes in [&b""[..], b"\0", b"virt-driver 2\nname=x\n", b"virt-driver 1\n", b"\xff\xfe"] {
            assert_eq!(Manifest::parse(bytes), None, "{bytes:?}");
        }
    }
}
