//! Secrets on the command line: encrypted with the guest's master key, never in clear.

use aes::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::Pkcs7};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use virt_util::Result;

use super::builder::Builder;
use super::{Props, SecretUsage};

/// The id of the object that holds the guest's master key.
pub(crate) const MASTER_KEY: &str = "masterKey0";

impl Builder<'_, '_> {
    /// Adds the object that holds the guest's master key.
    pub(crate) fn master_key(&mut self) {
        let file = format!("{}/master-key.aes", self.launch.paths.guest);
        self.object(&Props::object("secret", MASTER_KEY).text("format", "raw").text("file", file));
    }

    /// Adds the secret that `usage` names as an object called `id`.
    pub(crate) fn secret(&mut self, id: &str, usage: &SecretUsage) -> Result<()> {
        let value = self.launch.secrets.value(usage)?;
        self.secret_value(id, &value);
        Ok(())
    }

    /// Adds `value` as an object called `id`.
    pub(crate) fn secret_value(&mut self, id: &str, value: &[u8]) {
        let key = self.launch.secrets.master_key();
        let vector = self.launch.secrets.initialization_vector();
        let encrypted = cbc::Encryptor::<aes::Aes256>::new(&key.into(), &vector.into())
            .encrypt_padded_vec::<Pkcs7>(value);
        self.object(
            &Props::object("secret", id)
                .text("data", STANDARD.encode(encrypted))
                .text("keyid", MASTER_KEY)
                .text("iv", STANDARD.encode(vector))
                .text("format", "base64"),
        );
    }
}
