//! Plugins that were built with another version of the door: its source, changed a little, and a driver on top of it.
//!
//! Each variant is a workspace of its own below `target/abi`; what they are all built on is compiled once.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

/// A version of the door that differs from this checkout's.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// What the plugin is called, in file names.
    pub name: &'static str,
    /// What the door is called; variants of the same door have the same changes.
    pub door: &'static str,
    /// What is switched on in the driver.
    pub features: &'static [&'static str],
    /// The changes, as file, text that is there exactly once, and what stands there instead; `...` in the text is anything.
    pub changes: &'static [Change],
}

/// A change of the door's source: file, text, replacement.
pub type Change = (&'static str, &'static str, &'static str);

const LAST_METHOD: &str = r#"
        /// Decides whether it starts with the host. Transient domains cannot.
        #[api(write, "virDomainSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, domain: Uuid, autostart: bool) -> ();
"#;
/// The slots from one on, and where they end.
const LAST_SLOTS: &str = "        /// The care for guests that no client looks after.\n...    }\n}\n";
const END_OF_SLOTS: &str = "    }\n}\n";
const RESET: &str = r#"
        /// Presses the reset button.
        #[api(write, "virDomainReset", since "1.0")]
        fn reset(&self, call: &Call, domain: Uuid) -> ();
"#;
const VERSION: &str = "version = \"1.0.0\"";

/// As this checkout has it.
pub const SAME: Variant = Variant { name: "same", door: "same", features: &[], changes: &[] };

/// As this checkout has it, with a driver that panics when it is made.
pub const PANIC: Variant =
    Variant { name: "panic", door: "same", features: &["panic-in-init"], changes: &[] };

/// Before the last method of a trait and the last slot were added.
pub const OLDER: Variant = Variant {
    name: "older",
    door: "older",
    features: &["older"],
    changes: &[("src/api/running.rs", LAST_METHOD, "\n"), ("src/api/slots.rs", LAST_SLOTS, END_OF_SLOTS)],
};

/// After a method of a trait, a service of the host, a slot and its trait were added.
pub const NEWER: Variant = Variant {
    name: "newer",
    door: "newer",
    features: &["newer"],
    changes: &[
        ("Cargo.toml", VERSION, "version = \"1.1.0\""),
        (
            "src/api/running.rs",
            LAST_METHOD,
            r#"
        /// Decides whether it starts with the host. Transient domains cannot.
        #[api(write, "virDomainSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, domain: Uuid, autostart: bool) -> ();
        /// Lets it sleep.
        #[api(write, "", since "1.1")]
        fn hibernate(&self, call: &Call, domain: Uuid) -> ();
"#,
        ),
        (
            "src/api/slots.rs",
            END_OF_SLOTS,
            r"        /// What nobody knew before.
        novelty / with_novelty: Novelty in novelty,
    }
}
",
        ),
        (
            "src/api/connection.rs",
            "        fn version(&self, call: &Call) -> u64;\n    }\n}\n\n/// The host, as drivers hold it.",
            r#"        fn version(&self, call: &Call) -> u64;
        /// News.
        #[api(read, "", since "1.1")]
        fn novelty(&self, call: &Call) -> String;
    }
}

driver_api! {
    /// What nobody knew before.
    pub trait Novelty in novelty {
        /// News.
        #[api(read, "", since "1.1")]
        fn news(&self, call: &Call) -> String;
    }
}

/// The host, as drivers hold it."#,
        ),
    ],
};

/// With a method at another place.
pub const REORDERED: Variant = Variant {
    name: "reordered",
    door: "reordered",
    features: &[],
    changes: &[
        ("src/api/running.rs", RESET, "\n"),
        (
            "src/api/running.rs",
            LAST_METHOD,
            r#"
        /// Decides whether it starts with the host. Transient domains cannot.
        #[api(write, "virDomainSetAutostart", since "1.0")]
        fn set_autostart(&self, call: &Call, domain: Uuid, autostart: bool) -> ();
        /// Presses the reset button.
        #[api(write, "virDomainReset", since "1.0")]
        fn reset(&self, call: &Call, domain: Uuid) -> ();
"#,
        ),
    ],
};

/// With another type of an argument.
pub const RETYPED: Variant = Variant {
    name: "retyped",
    door: "retyped",
    features: &[],
    changes: &[(
        "src/api/running.rs",
        "fn vcpus(&self, call: &Call, domain: Uuid, flags: VcpuFlags) -> u32;",
        "fn vcpus(&self, call: &Call, domain: Uuid, flags: VcpuFlags) -> u64;",
    )],
};

/// With a longer struct that crosses by value.
pub const GROWN: Variant = Variant {
    name: "grown",
    door: "grown",
    features: &[],
    changes: &[(
        "src/data/domain.rs",
        "    pub struct DomainInfo as DomainInfoAbi {\n",
        "    pub struct DomainInfo as DomainInfoAbi {\n        /// More.\n        pub more: u32,\n",
    )],
};

/// Of another major version.
pub const MAJOR: Variant = Variant {
    name: "major",
    door: "major",
    features: &[],
    changes: &[("Cargo.toml", VERSION, "version = \"2.0.0\"")],
};

/// The root of the checkout.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"))
}

impl Variant {
    /// Builds the plugin, unless it is there already; answers its file.
    ///
    /// # Errors
    ///
    /// When a change does not fit the source any more, or the compiler refuses it.
    pub fn build(&self) -> Result<PathBuf> {
        let target = project().join("target/outside");
        let place = project().join("target/abi").join(self.door);
        self.write(&place).with_context(|| format!("preparing the variant '{}'", self.name))?;
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&place).env("CARGO_TARGET_DIR", &target);
        command.args(["build", "--offline", "--quiet", "--package", &format!("abi-fixture-{}", self.name)]);
        command.args(["--features", &self.features.join(",")]);
        let output = command.output().context("running cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the variant '{}' does not build:\n{said}", self.name);
        Ok(target.join("debug").join(format!("libabi_fixture_{}.so", self.name)))
    }

    /// Writes the variant's workspace. Files that are right already are left alone, so that cargo has nothing to do.
    fn write(&self, place: &Path) -> Result<()> {
        let project = project();
        let manifest = std::fs::read_to_string(project.join("Cargo.toml"))?;
        // Cargo tells members of workspaces apart by their directories' names, and they share a target directory.
        let door = format!("door-{}", self.door);
        put(&place.join("Cargo.toml"), &workspace(&manifest, project, &door)?)?;
        let lock = place.join("Cargo.lock");
        if !lock.exists() {
            put(&lock, &std::fs::read_to_string(project.join("Cargo.lock"))?)?;
        }
        let source = project.join("plugins-abi");
        let mut changes = self.changes.to_vec();
        for entry in walkdir::WalkDir::new(&source) {
            let entry = entry?;
            if !entry.file_type().is_file() {
                continue;
            }
            let relative = entry.path().strip_prefix(&source)?;
            let mut text = std::fs::read_to_string(entry.path())?;
            for (_, old, new) in changes.extract_if(.., |(file, ..)| Path::new(file) == relative) {
                text = replace(&text, old, new)
                    .with_context(|| format!("{}: not exactly once: {old}", relative.display()))?;
            }
            put(&place.join(&door).join(relative), &text)?;
        }
        if let Some((file, ..)) = changes.first() {
            bail!("{file} is not there any more");
        }
        let fixture = place.join(format!("fixture-{}", self.name));
        put(&fixture.join("Cargo.toml"), &FIXTURE.replace("NAME", self.name))?;
        let driver = std::fs::read_to_string(project.join("tests/fixtures/abi/driver.rs"))?;
        put(&fixture.join("src/lib.rs"), &driver)
    }
}

const FIXTURE: &str = r#"[package]
name = "abi-fixture-NAME"
version = "0.1.0"
edition.workspace = true

[lib]
name = "abi_fixture_NAME"
crate-type = ["cdylib"]

[features]
older = []
newer = []
panic-in-init = []

[dependencies]
plugins-abi.workspace = true
uuid.workspace = true
"#;

/// The root manifest with other members, without profiles.
fn workspace(manifest: &str, project: &Path, door: &str) -> Result<String> {
    let (before, rest) = manifest.split_once("members = [").context("the manifest has no members")?;
    let (_, after) = rest.split_once(']').context("the members do not end")?;
    let after = after.split("[profile.").next().unwrap_or_default();
    let util = format!("path = \"{}\"", project.join("virt-util").display());
    let after = after.replace("path = \"virt-util\"", &util);
    let after = after.replace("path = \"plugins-abi\"", &format!("path = \"{door}\""));
    Ok(format!("{before}members = [\"{door}\", \"fixture-*\"]{after}"))
}

/// The text with `new` in place of the only `old`.
fn replace(text: &str, old: &str, new: &str) -> Option<String> {
    let (start, end) = old.split_once("...").unwrap_or((old, ""));
    let (before, rest) = text.split_once(start)?;
    let (_, after) = rest.split_once(end)?;
    (!rest.contains(start)).then(|| [before, new, after].concat())
}

fn put(path: &Path, text: &str) -> Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    Ok(std::fs::write(path, text)?)
}
