//! Programs of the host as values: what is run for a pool or a volume can be shown and compared without running it.

use std::io::{BufReader, Read as _};
use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use virt_conf::model::storage_pool::{FileSystemFormat, NetworkFileSystem, StoragePoolKind};
use virt_conf::model::storage_volume::{VolumeFormat, VolumeFormatElement};
use virt_conf::model::{EncryptionFormat, StorageEncryption, StorageFormat};
use virt_conf::model::{StoragePool, StorageVolume};
use virt_core::driver::Call;
use virt_util::process::ExitStatus;
use virt_util::spawn::{Output, Program, Spawn, find_program};
use virt_util::wait::Wait;
use virt_util::{Error, Result};

use crate::error;

/// What an exit status is of no interest beyond.
const OUTPUT_LIMIT: usize = 16 << 20;

/// A program and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its name, to be looked for where programs are.
    pub program: String,
    /// In the order of the command line, without the program itself.
    pub arguments: Vec<String>,
}

impl Command {
    /// A program with these arguments.
    pub fn new<const N: usize>(program: &str, arguments: [&str; N]) -> Self {
        Self { program: program.to_owned(), arguments: arguments.map(str::to_owned).to_vec() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an option and its value, if there is one.
    #[must_use]
    pub fn option(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.argument(name).argument(value),
            None => self,
        }
    }

    /// The command as a shell reads it, an option a line, as libvirt's tests have it.
    pub fn to_shell(&self) -> String {
        let mut text = self.program.clone();
        let mut takes_value = false;
        for argument in &self.arguments {
            let is_option = argument.starts_with('-');
            text.push_str(if takes_value && !is_option { " " } else { " \\\n" });
            text.push_str(argument);
            takes_value = is_option;
        }
        text.push('\n');
        text
    }

    fn spawn(&self, secrets: Vec<OwnedFd>, environment: &[(&str, &str)]) -> Result<Spawn> {
        let path = find_program(&self.program)
            .ok_or_else(|| error::failed(format!("Cannot find '{}' in path", self.program)))?;
        let fixed =
            [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")];
        let program = Program {
            path,
            args: self.arguments.clone(),
            env: fixed
                .iter()
                .chain(environment)
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            // What it does for us it does not do after us.
            bound: true,
            ..Program::default()
        };
        let secrets = secrets.into_iter().zip(FIRST_SECRET..);
        Ok(secrets.fold(Spawn::new(program), |spawn, (secret, number)| spawn.fd(number, secret)))
    }

    /// Runs it to its end; what it wrote.
    pub(crate) fn run(&self, call: &Call) -> Result<String> {
        self.run_with(call, Vec::new())
    }

    /// As [`Command::run`]; it gets these descriptors from [`FIRST_SECRET`] on.
    pub(crate) fn run_with(&self, call: &Call, secrets: Vec<OwnedFd>) -> Result<String> {
        let output = self.spawn(secrets, &[])?.run(&[], OUTPUT_LIMIT, call.wait())?;
        self.outcome(&output)
    }

    /// As [`Command::run`]; it finds this in its environment, which only its own user and root can see.
    pub(crate) fn run_in(&self, call: &Call, environment: &[(&str, &str)]) -> Result<String> {
        let output = self.spawn(Vec::new(), environment)?.run(&[], OUTPUT_LIMIT, call.wait())?;
        self.outcome(&output)
    }

    /// Runs it to its end, however that is: its status, nothing when a signal ended it; what it wrote; what it complained of.
    pub(crate) fn answer(&self, call: &Call) -> Result<(Option<i32>, String, String)> {
        let output = self.spawn(Vec::new(), &[])?.run(&[], OUTPUT_LIMIT, call.wait())?;
        let status = match output.status {
            ExitStatus::Exited(status) => Some(status),
            _ => None,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((status, text(&output.stdout), text(&output.stderr)))
    }

    fn outcome(&self, output: &Output) -> Result<String> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.unsuccessful(output.status, &String::from_utf8_lossy(&output.stderr)))
    }

    fn unsuccessful(&self, status: ExitStatus, said: &str) -> Error {
        let detail = format!("{} {status}: {}", self.program, said.trim());
        Error::internal(virt_util::ErrorDomain::STORAGE, detail)
    }

    /// Runs a qemu-img that says how far it is, and passes that on.
    pub(crate) fn run_reporting(&self, call: &Call, secrets: Vec<OwnedFd>, what: &str) -> Result<()> {
        let mut shown = self.clone();
        shown.arguments.insert(1, "-p".to_owned());
        let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
        let cannot = |errno| error::system(format!("cannot make a pipe for '{}'", self.program), errno);
        let (stdout, stdout_in_child) = pipe().map_err(cannot)?;
        let (stderr, stderr_in_child) = pipe().map_err(cannot)?;
        let child = shown.spawn(secrets, &[])?.fd(1, stdout_in_child).fd(2, stderr_in_child).start()?;
        let errors = std::thread::spawn(move || {
            let mut said = String::new();
            // What is no text is not worth an error of its own.
            let _ = std::fs::File::from(stderr).take(4096).read_to_string(&mut said);
            said
        });
        let mut reader = BufReader::new(std::fs::File::from(stdout));
        let wait = call.wait();
        let mut line = Vec::new();
        let outcome = loop {
            if reader.buffer().is_empty()
                && let Err(stopped) = wait.readable(reader.get_ref(), what)
            {
                break Err(stopped);
            }
            let mut byte = [0];
            match reader.read(&mut byte) {
                Ok(0) => break Ok(()),
                Ok(_) if byte[0] == b'\r' || byte[0] == b'\n' => {
                    if let Some(hundredths) = progress(&line) {
                        call.progress(hundredths, 10_000, what);
                    }
                    line.clear();
                }
                Ok(_) => line.extend(byte),
                Err(error) => break Err(error::system(format!("cannot hear '{}'", self.program), error)),
            }
        };
        if outcome.is_err() {
            child.process().signal(nix::sys::signal::Signal::SIGKILL)?;
        }
        let status = child.wait(Wait::FOREVER)?;
        let said = errors.join().unwrap_or_default();
        outcome?;
        if status.success() { Ok(()) } else { Err(self.unsuccessful(status, &said)) }
    }
}

/// The number of the first descriptor that a program gets passwords from.
pub(crate) const FIRST_SECRET: i32 = 3;

/// `    (12.34/100%)` in hundredths of a percent.
fn progress(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?.trim();
    let percent: f64 = text.strip_prefix('(')?.split('/').next()?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some((percent * 100.0) as u64)
}

/// Whose defaults for mount options: libvirt forbids devices and programs on what it mounts, differently on each system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// This one.
    Linux,
    /// FreeBSD.
    FreeBsd,
    /// Any other: none.
    Other,
}

/// What mounts a pool: `mount -o nodev,nosuid,noexec ...`.
///
/// # Errors
///
/// For pools that are not mounted.
pub fn mount(pool: &StoragePool, platform: Platform) -> Result<Command> {
    let path = pool.target_path().unwrap_or_default();
    let mut options: Vec<String> = match platform {
        Platform::Linux => vec!["nodev".into(), "nosuid".into(), "noexec".into()],
        Platform::FreeBsd => vec!["nosuid".into(), "noexec".into()],
        Platform::Other => Vec::new(),
    };
    let (kind, source) = match &pool.kind {
        StoragePoolKind::Fs(fs) => {
            let device = fs.source.devices.first().map(|device| device.path.clone()).unwrap_or_default();
            ((fs.source.format != FileSystemFormat::Auto).then(|| word(&fs.source.format)), device)
        }
        StoragePoolKind::Netfs(netfs) => {
            let source = &netfs.source;
            let host = source.hosts.first().map(|host| host.name.as_str()).unwrap_or_default();
            let directory = source.directory.as_deref().unwrap_or_default();
            let from = match source.format {
                NetworkFileSystem::Cifs => {
                    options.push("guest".into());
                    format!("//{host}/{directory}")
                }
                NetworkFileSystem::GlusterFs => {
                    options.push("direct-io-mode=1".into());
                    // A volume's name is no path: however many slashes stand before it, mount wants one.
                    format!("{host}:/{}", directory.trim_start_matches('/'))
                }
                _ if host.contains(':') => format!("[{host}]:{directory}"),
                _ => format!("{host}:{directory}"),
            };
            options.extend(source.common.protocol_version.iter().map(|version| format!("nfsvers={version}")));
            ((source.format != NetworkFileSystem::Auto).then(|| word(&source.format)), from)
        }
        _ => return Err(error::unsupported("pools of this type are not mounted")),
    };
    options.extend(pool.mount_options.list.options.iter().map(|option| option.name.clone()));
    let options = (!options.is_empty()).then(|| options.join(","));
    let mount = Command::new("mount", []).option("-o", options).option("-t", kind);
    Ok(mount.argument(source).argument(path))
}

/// What brings a pool to the host.
///
/// # Errors
///
/// For pools that no program is run for.
pub fn start(pool: &StoragePool, platform: Platform) -> Result<Command> {
    match &pool.kind {
        StoragePoolKind::Logical(group) => {
            Ok(vgchange(group.source.name.as_deref().unwrap_or(&pool.name), true))
        }
        _ => mount(pool, platform),
    }
}

/// What switches a volume group on or off.
pub fn vgchange(group: &str, on: bool) -> Command {
    Command::new("vgchange", [if on { "-aly" } else { "-aln" }, group])
}

/// A value as XML spells it.
fn word(value: &impl virt_conf::xml::Value) -> String {
    let mut text = String::new();
    value.format(&mut text);
    text
}

/// What qemu-img makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Where.
    pub path: String,
    /// Its volume's name, which its keys are called after.
    pub name: String,
    /// `qcow2`
    pub format: String,
    /// The size that a guest sees, in bytes.
    pub capacity: u64,
    /// How much of it is reserved, in bytes.
    pub allocation: u64,
    /// The image behind it, and its format.
    pub backing: Option<(String, Option<String>)>,
    /// How it is encrypted.
    pub encryption: Option<StorageEncryption>,
    /// The version of the format.
    pub compat: Option<String>,
    /// Bytes a cluster.
    pub cluster_size: Option<u64>,
    /// Whether the file system must not copy it on write.
    pub nocow: bool,
    /// Whether reference counts are written late.
    pub lazy_refcounts: bool,
    /// Whether clusters are allocated in parts.
    pub extended_l2: bool,
}

impl Image {
    /// The image of a volume.
    ///
    /// # Errors
    ///
    /// For what qemu-img cannot make.
    pub fn of(volume: &StorageVolume, path: &str) -> Result<Self> {
        let target = volume.target.clone().unwrap_or_default();
        let format = format_name(target.format.as_ref());
        // An image whose format is to be encrypted, and is not one that can be, is LUKS.
        let format = if target.encryption.is_some() && format == "raw" { "luks".to_owned() } else { format };
        let features = target.features.unwrap_or_default();
        if format != "qcow2" && (features.lazy_refcounts || target.compat.is_some()) {
            let sentence = "format features only available with qcow2";
            return Err(error::unsupported(sentence));
        }
        let compat = target.compat.or_else(|| (format == "qcow2").then(|| "1.1".to_owned()));
        if features.lazy_refcounts && compat.as_deref() == Some("0.10") {
            let sentence = "Feature lazy_refcounts not supported with compat level 0.10";
            return Err(error::unsupported(sentence));
        }
        let backing = volume.backing_store.as_ref().and_then(|backing| {
            let path = backing.path.clone().filter(|path| !path.is_empty())?;
            Some((path, Some(format_name(backing.format.as_ref()))))
        });
        Ok(Self {
            path: path.to_owned(),
            name: volume.name.clone(),
            format,
            capacity: volume.capacity.0,
            allocation: volume.allocation.0,
            backing,
            encryption: target.encryption,
            compat,
            cluster_size: target.cluster_size.map(|size| size.0.0).filter(|size| *size > 0),
            nocow: target.nocow,
            lazy_refcounts: features.lazy_refcounts,
            extended_l2: features.extended_l2,
        })
    }

    fn key(&self) -> String {
        format!("{}_encrypt0", self.name)
    }

    fn secret_object(&self, file: &str) -> String {
        format!("secret,id={},file={}", escaped(&self.key()), escaped(file))
    }

    fn options(&self, preallocate: bool) -> String {
        let mut options = Vec::new();
        if let Some((_, Some(format))) = &self.backing {
            options.push(format!("backing_fmt={format}"));
        }
        if let Some(encryption) = &self.encryption {
            if self.format != "luks" {
                options.push("encrypt.format=luks".into());
            }
            let prefix = if self.format == "luks" { "" } else { "encrypt." };
            options.push(format!("{prefix}key-secret={}", escaped(&self.key())));
            if let Some(cipher) = &encryption.cipher {
                options.push(format!("{prefix}cipher-alg={}-{}", cipher.name, cipher.size));
                options.extend(cipher.mode.iter().map(|mode| format!("{prefix}cipher-mode={mode}")));
                options.extend(cipher.hash.iter().map(|hash| format!("{prefix}hash-alg={hash}")));
                if let Some(ivgen) = &encryption.ivgen {
                    options.push(format!("{prefix}ivgen-alg={}", ivgen.name));
                    options.extend(ivgen.hash.iter().map(|hash| format!("{prefix}ivgen-hash-alg={hash}")));
                }
            }
        }
        if preallocate {
            let all = self.allocation >= self.capacity;
            options.push(format!("preallocation={}", if all { "falloc" } else { "metadata" }));
        }
        if self.nocow {
            options.push("nocow=on".into());
        }
        options.extend(self.compat.iter().map(|compat| format!("compat={compat}")));
        options.extend(self.cluster_size.iter().map(|size| format!("cluster_size={size}")));
        if self.lazy_refcounts {
            options.push("lazy_refcounts".into());
        }
        if self.extended_l2 {
            options.push("extended_l2=on".into());
        }
        options.join(",")
    }

    /// What makes it, empty; `secret` is the file that its password is read from.
    pub fn create(&self, preallocate: bool, secret: Option<&str>) -> Command {
        let options = Some(self.options(preallocate)).filter(|options| !options.is_empty());
        Command::new("qemu-img", ["create", "-f", &self.format])
            .option("-b", self.backing.as_ref().map(|(path, _)| path.as_str()))
            .option("--object", secret.map(|file| self.secret_object(file)))
            .option("-o", options)
            .argument(self.path.as_str())
            // Rounded up: qemu-img has to be told in whole KiB.
            .argument(format!("{}K", self.capacity.div_ceil(1024)))
    }

    /// What makes it with the content of another image; with passwords it takes two commands, the first of which makes it empty.
    pub fn convert(
        &self,
        preallocate: bool,
        secret: Option<&str>,
        from: &Self,
        from_secret: Option<&str>,
    ) -> Vec<Command> {
        // A copy stands alone.
        let alone = Self { backing: None, ..self.clone() };
        if secret.is_none() && from_secret.is_none() {
            let options = Some(alone.options(preallocate)).filter(|options| !options.is_empty());
            return vec![
                Command::new("qemu-img", ["convert", "-f", &from.format, "-O", &self.format])
                    .option("-o", options)
                    .argument(from.path.as_str())
                    .argument(self.path.as_str()),
            ];
        }
        let node = |image: &Self, secret: Option<&str>| {
            let mut text = format!("driver={},file.filename={}", image.format, escaped(&image.path));
            if secret.is_some() {
                let prefix = if image.format == "luks" { "" } else { "encrypt." };
                text.push_str(&format!(",{prefix}key-secret={}", escaped(&image.key())));
            }
            text
        };
        let convert = Command::new("qemu-img", ["convert", "--image-opts", "-n", "--target-image-opts"])
            .option("--object", secret.map(|file| self.secret_object(file)))
            .option("--object", from_secret.map(|file| from.secret_object(file)))
            .argument(node(from, from_secret))
            .argument(node(self, secret));
        vec![alone.create(preallocate, secret), convert]
    }

    /// What writes its content to a device, as a guest sees it.
    pub(crate) fn write_to(&self, device: &str) -> Command {
        Command::new("qemu-img", ["convert", "-n", "-f", &self.format, "-O", "raw", &self.path, device])
    }

    /// What gives it another size.
    pub(crate) fn resize(
        &self,
        capacity: u64,
        preallocate: bool,
        shrink: bool,
        secret: Option<&str>,
    ) -> Command {
        let mut command = Command::new("qemu-img", ["resize"]);
        if preallocate {
            command = command.argument("--preallocation=falloc");
        }
        if shrink {
            command = command.argument("--shrink");
        }
        let command = command.option("--object", secret.map(|file| self.secret_object(file)));
        let command = match secret {
            None => command.option("-f", Some(self.format.as_str())).argument(self.path.as_str()),
            Some(_) => {
                let prefix = if self.format == "luks" { "" } else { "encrypt." };
                let node = format!(
                    "driver={},{prefix}key-secret={},file.filename={}",
                    self.format,
                    escaped(&self.key()),
                    escaped(&self.path)
                );
                command.argument("--image-opts").argument(node)
            }
        };
        command.argument(format!("{}K", capacity.div_ceil(1024)))
    }
}

/// QEMU's option lists end values at commas, but for doubled ones.
fn escaped(value: &str) -> String {
    value.replace(',', ",,")
}

/// The name of a format as qemu-img has it.
pub(crate) fn format_name(format: Option<&VolumeFormatElement>) -> String {
    match format.map(|format| &format.kind) {
        None | Some(VolumeFormat::Image(StorageFormat::None | StorageFormat::Iso)) => "raw".into(),
        Some(VolumeFormat::Image(StorageFormat::Vhd)) => "vpc".into(),
        Some(kind) => word(kind),
    }
}

/// Whether this encryption is one that is made today.
pub(crate) fn check_encryption(encryption: &StorageEncryption) -> Result<()> {
    match encryption.format {
        EncryptionFormat::Luks | EncryptionFormat::Default => {}
        _ => {
            return Err(error::unsupported("unsupported volume encryption format"));
        }
    }
    match encryption.secrets.as_slice() {
        [_] => Ok(()),
        _ => Err(error::unsupported("a volume is encrypted with exactly one secret")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_add_options() {
        let image = Image {
            path: "/srv/a,file.filename=/etc/shadow".into(),
            name: "a,b".into(),
            format: "luks".into(),
            ..Image::default()
        };
        let command = image.create(false, Some("/dev/fd/3,data=x"));
        assert_eq!(command.arguments[4], "secret,id=a,,b_encrypt0,file=/dev/fd/3,,data=x");
        let commands = image.convert(false, None, &image, Some("/dev/fd/3"));
        assert_eq!(
            commands[1].arguments[6],
            "driver=luks,file.filename=/srv/a,,file.filename=/etc/shadow,key-secret=a,,b_encrypt0"
        );
    }

    #[test]
    fn progress_is_read_and_other_words_are_not() {
        assert_eq!(progress(b"    (12.34/100%)"), Some(1234));
        assert_eq!(progress(b"(100.00/100%)"), Some(10_000));
        for line in ["", "(", "(x/100%)", "(1e99/100%)", "(-1/100%)"] {
            assert_eq!(progress(line.as_bytes()), None, "{line}");
        }
    }
}
