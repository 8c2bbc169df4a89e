//! Secrets.

use uuid::Uuid;

use crate::{abi_data, abi_enum, abi_flags};

abi_data! {
    /// A secret in a list.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SecretSummary as SecretSummaryAbi {
        /// Unique everywhere.
        pub uuid: Uuid,
        /// What kind of thing it is for.
        pub usage_kind: SecretUsageKind,
        /// What it is for, unique among those of its kind; empty for [`SecretUsageKind::None`].
        pub usage: String,
        /// Whether its value is never written to a disk.
        pub ephemeral: bool,
        /// Whether its value is shown to nobody but the drivers that use it.
        pub private: bool,
    }
}

abi_enum! {
    /// What secrets are for. (`virSecretUsageType`)
    pub enum SecretUsageKind {
        /// Nothing in particular.
        None = 0 "none",
        /// The key of an encrypted volume.
        Volume = 1 "volume",
        /// A user of a Ceph cluster.
        Ceph = 2 "ceph",
        /// A user of an iSCSI target.
        Iscsi = 3 "iscsi",
        /// The key of a TLS certificate.
        Tls = 4 "tls",
        /// The state of an emulated TPM.
        Vtpm = 5 "vtpm",
    }

    /// A kind of event of a secret. (`virSecretEventID`)
    pub enum SecretEventKind {
        /// Defined, undefined.
        Lifecycle = 0 "lifecycle",
        /// It has another value.
        ValueChanged = 1 "value-changed",
    }

    /// What happened in a secret's life. (`virSecretEventLifecycleType`)
    pub enum SecretLifecycle {
        /// It has a (new) definition.
        Defined = 0 "Defined",
        /// It is gone.
        Undefined = 1 "Undefined",
    }
}

abi_flags! {
    /// Which secrets to list. Within a group the bits are alternatives; groups narrow each other; an empty group does not
    /// restrict. (`virConnectListAllSecretsFlags`)
    pub struct ListSecrets {
        /// Those whose value is never written to a disk.
        const EPHEMERAL = 1 << 0;
        /// Those whose value is.
        const NO_EPHEMERAL = 1 << 1;
        /// Those whose value is not shown.
        const PRIVATE = 1 << 2;
        /// Those whose value is.
        const NO_PRIVATE = 1 << 3;
    }

    /// How to define a secret. (`virSecretDefineFlags`)
    pub struct DefineSecret {
        /// Refuse elements and attributes that no model knows.
        const VALIDATE = 1 << 0;
    }
}

impl ListSecrets {
    /// Whether a list with this filter shows a secret.
    ///
    /// ```
    /// # use plugins_abi::*;
    /// let secret = SecretSummary {
    ///     uuid: uuid::Uuid::nil(),
    ///     usage_kind: SecretUsageKind::Ceph,
    ///     usage: "client.admin".to_owned(),
    ///     ephemeral: true,
    ///     private: false,
    /// };
    /// assert!(ListSecrets::empty().accepts(&secret));
    /// assert!((ListSecrets::EPHEMERAL | ListSecrets::NO_EPHEMERAL).accepts(&secret));
    /// assert!(!(ListSecrets::EPHEMERAL | ListSecrets::PRIVATE).accepts(&secret));
    /// ```
    pub fn accepts(self, secret: &SecretSummary) -> bool {
        let pick = |holds: bool, yes: Self, no: Self| (yes | no, if holds { yes } else { no });
        let kinds = [
            pick(secret.ephemeral, Self::EPHEMERAL, Self::NO_EPHEMERAL),
            pick(secret.private, Self::PRIVATE, Self::NO_PRIVATE),
        ];
        kinds.into_iter().all(|(kind, own)| !self.intersects(kind) || self.contains(own))
    }
}
