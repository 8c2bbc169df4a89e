//! Values where they are kept: sealed, each bound to its secret's UUID, with keys that are files of their own.

use std::path::PathBuf;

use chacha20poly1305::aead::{AeadInOut as _, Generate as _};
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use nix::errno::Errno;
use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs, statfs};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use uuid::Uuid;
use virt_core::driver::SecretValue;
use virt_util::dir::Dir;
use virt_util::root::{Root, trusted_env};
use virt_util::{ErrorDomain, Result, file};
use zeroize::Zeroizing;

use crate::error;

/// How a sealed value begins; a format that is another one begins differently.
const MAGIC: &[u8] = b"virt secret 1\n";
const NONCE: usize = 24;
const TAG: usize = 16;
const KEY: usize = 32;
/// The name of a key's file.
const KEY_FILE: &str = "key";
/// What systemd calls the key that it gives to the process.
const CREDENTIAL: &str = "secrets-encryption-key";
/// The most that a value may be long, in bytes: what crosses libvirt's own wire is no longer.
pub(crate) const VALUE_LIMIT: usize = 65_536;

/// A place for values, and the keys that open them.
pub(crate) struct Vault {
    values: Dir,
    keys: Keys,
}

/// Where keys are.
enum Keys {
    /// Those of values that outlive the machine's run.
    Lasting(Dir),
    /// Those of this boot.
    InMemory(Root),
}

impl Vault {
    /// For values that are kept.
    pub(crate) fn lasting(root: &Root) -> Result<Self> {
        Ok(Self { values: root.lib().subdir("values")?, keys: Keys::Lasting(root.lib().clone()) })
    }

    /// For values that are gone after a reboot, whoever has the disk.
    pub(crate) fn ephemeral(root: &Root) -> Result<Self> {
        Ok(Self { values: root.run().subdir("values")?, keys: Keys::InMemory(root.clone()) })
    }

    /// Keeps a value in place of an earlier one. The caller has the index's lock.
    pub(crate) fn put(&self, secret: Uuid, value: &[u8]) -> Result<()> {
        let key = match self.keys.all()?.into_iter().next() {
            Some(key) => key,
            None => self.keys.make()?,
        };
        let sealed = key.seal(secret, value)?;
        file::write(&self.values, &file_name(secret), 0o600, &sealed).map(drop)
    }

    /// The value; nothing where there is none.
    pub(crate) fn get(&self, secret: Uuid) -> Result<Option<SecretValue>> {
        let limit = (MAGIC.len() + NONCE + VALUE_LIMIT + TAG) as u64;
        let Some(sealed) = file::read_if_present(&self.values, &file_name(secret), limit)? else {
            return Ok(None);
        };
        let opened = self.keys.all()?.iter().find_map(|key| key.open(secret, &sealed));
        let refused = || {
            error::failed(format!("the value of secret '{secret}' cannot be decrypted"))
                .hint("its key is another one, or the file was damaged: set the value anew")
        };
        opened.map(Some).ok_or_else(refused)
    }

    /// Whether there is a value.
    pub(crate) fn has(&self, secret: Uuid) -> Result<bool> {
        self.values.contains(&file_name(secret))
    }

    /// Forgets a value; that there is none is no error. The caller has the index's lock.
    pub(crate) fn remove(&self, secret: Uuid) -> Result<()> {
        self.values.remove_file(&file_name(secret))?;
        match &self.keys {
            // A key in /dev/shm is found by nobody who cleans up.
            Keys::InMemory(_) if self.values.names()?.is_empty() => self.keys.forget(),
            _ => Ok(()),
        }
    }
}

fn file_name(secret: Uuid) -> String {
    format!("{secret}.value")
}

impl Keys {
    /// Those there are; new values are sealed with the first.
    fn all(&self) -> Result<Vec<Key>> {
        let (credential, dir) = match self {
            Self::Lasting(dir) => (credential()?, Some(dir.clone())),
            Self::InMemory(root) => (None, memory(root, false)?),
        };
        let kept = match dir {
            Some(dir) => file::read_if_present(&dir, KEY_FILE, KEY as u64)?.map(Zeroizing::new),
            None => None,
        };
        let kept = kept.map(|bytes| Key::of(&bytes, "the key of the secrets' root")).transpose()?;
        Ok(credential.into_iter().chain(kept).collect())
    }

    /// A new one, kept.
    fn make(&self) -> Result<Key> {
        let dir = match self {
            Self::Lasting(dir) => dir.clone(),
            Self::InMemory(root) => {
                let mut place = memory(root, true);
                for _ in 0..TRIES {
                    match &place {
                        // Another root has just forgotten its last key, and the directories above it.
                        Err(error) if error.errno() == Some(Errno::ENOENT) => place = memory(root, true),
                        _ => break,
                    }
                }
                place?.ok_or_else(|| error::failed("there is no place for keys in memory"))?
            }
        };
        let bytes = Zeroizing::new(<[u8; KEY]>::try_generate().map_err(no_randomness)?);
        file::write(&dir, KEY_FILE, 0o600, &*bytes)?;
        Key::of(&*bytes, "a new key")
    }

    fn forget(&self) -> Result<()> {
        let Self::InMemory(root) = self else { return Ok(()) };
        match memory(root, false)? {
            Some(dir) => {
                dir.remove_file(KEY_FILE)?;
                forget_directories(root)
            }
            None => Ok(()),
        }
    }
}

/// A key, wiped when it is dropped.
struct Key(XChaCha20Poly1305);

impl Key {
    fn of(bytes: &[u8], which: &str) -> Result<Self> {
        let cipher = XChaCha20Poly1305::new_from_slice(bytes);
        cipher.map(Self).map_err(|_| error::failed(format!("{which} is not {KEY} bytes long")))
    }

    fn seal(&self, secret: Uuid, value: &[u8]) -> Result<Vec<u8>> {
        let nonce = XNonce::try_generate().map_err(no_randomness)?;
        let mut sealed = [MAGIC, nonce.as_slice(), value].concat();
        let (_, body) = sealed.split_at_mut(MAGIC.len() + NONCE);
        // Sealed where it lies: there is no copy of the value to wipe.
        let tag = self
            .0
            .encrypt_inout_detached(&nonce, secret.as_bytes(), body.into())
            .map_err(|_| error::failed(format!("the value of secret '{secret}' cannot be encrypted")))?;
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    fn open(&self, secret: Uuid, sealed: &[u8]) -> Option<SecretValue> {
        let (nonce, rest) = sealed.strip_prefix(MAGIC)?.split_at_checked(NONCE)?;
        let (body, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
        let mut value = Zeroizing::new(body.to_vec());
        let (nonce, tag) = (XNonce::try_from(nonce).ok()?, Tag::try_from(tag).ok()?);
        self.0.decrypt_inout_detached(&nonce, secret.as_bytes(), value.as_mut_slice().into(), &tag).ok()?;
        Some(std::mem::take(&mut *value).into())
    }
}

fn no_randomness(error: impl std::fmt::Display) -> virt_util::Error {
    error::failed(format!("the kernel gives no random bytes: {error}"))
}

/// The key that systemd gave this process.
fn credential() -> Result<Option<Key>> {
    let Some(directory) = trusted_env("CREDENTIALS_DIRECTORY").map(PathBuf::from) else { return Ok(None) };
    let path = directory.join(CREDENTIAL);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            Key::of(&bytes, &format!("the credential '{CREDENTIAL}'")).map(Some)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let attempt = format!("cannot read the credential '{}'", path.display());
            Err(virt_util::Error::system(ErrorDomain::SECRET, attempt, error))
        }
    }
}

/// Where memory is a file system that everybody may use.
const SHARED: &str = "/dev/shm";
/// How often directories that vanish meanwhile are made anew.
const TRIES: usize = 8;

/// A private directory of this root's in memory; nothing where it is missing and shall not be made.
fn memory(root: &Root, make: bool) -> Result<Option<Dir>> {
    let run = root.run();
    let kind = fstatfs(run).map_err(|errno| error::system("cannot examine the run directory", errno))?;
    if is_memory(kind.filesystem_type()) {
        return Ok(Some(run.clone()));
    }
    if !statfs(SHARED).is_ok_and(|kind| is_memory(kind.filesystem_type())) {
        return Err(error::failed(format!(
            "cannot keep the values of ephemeral secrets: neither '{}' nor '{SHARED}' is in memory",
            run.path().display()
        )));
    }
    let names = directories(root)?;
    let mut dir = Dir::open(SHARED)?.transient()?;
    for name in names {
        dir = match make {
            true => dir.subdir(&name)?,
            false => match dir.existing_subdir(&name)? {
                Some(dir) => dir,
                None => return Ok(None),
            },
        };
    }
    Ok(Some(dir))
}

/// The directories that a root's key is in below [`SHARED`], the outermost first; the last is its own.
fn directories(root: &Root) -> Result<[String; 3]> {
    let stat = root.run().stat()?;
    Ok([format!("virt-{}", geteuid()), "secret".to_owned(), format!("{:x}-{:x}", stat.st_dev, stat.st_ino)])
}

/// Removes those of them that nothing is in any more.
fn forget_directories(root: &Root) -> Result<()> {
    if is_memory(fstatfs(root.run()).map_or(TMPFS_MAGIC, |kind| kind.filesystem_type())) {
        return Ok(());
    }
    let mut parents = vec![Dir::open(SHARED)?.transient()?];
    let names = directories(root)?;
    for name in &names {
        match parents.last().map(|dir| dir.existing_subdir(name)).transpose()?.flatten() {
            Some(dir) => parents.push(dir),
            None => break,
        }
    }
    // What is not empty is somebody else's too, and stays.
    for (parent, name) in parents.iter().zip(&names).rev() {
        if unlinkat(parent, name.as_str(), UnlinkatFlags::RemoveDir).is_err() {
            break;
        }
    }
    Ok(())
}

fn is_memory(kind: FsType) -> bool {
    kind == TMPFS_MAGIC
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::of(&[byte; KEY], "a key").unwrap()
    }

    #[test]
    fn only_its_own_key_and_secret_open_a_value() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let sealed = key(1).seal(one, b"open sesame").unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"sesame"));
        assert_eq!(&*key(1).open(one, &sealed).unwrap(), b"open sesame");
        assert!(key(2).open(one, &sealed).is_none());
        assert!(key(1).open(other, &sealed).is_none());
        assert_ne!(sealed, key(1).seal(one, b"open sesame").unwrap());
    }

    #[test]
    fn damaged_values_are_refused() {
        let secret = Uuid::from_u128(1);
        let sealed = key(1).seal(secret, b"open sesame").unwrap();
        for length in 0..sealed.len() {
            assert!(key(1).open(secret, &sealed[..length]).is_none(), "{length} bytes");
        }
        for place in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            assert!(key(1).open(secret, &damaged).is_none(), "byte {place}");
        }
    }
}
