//! Saved memory of domains.

use crate::{abi_enum, abi_flags};

abi_flags! {
    /// How to save or restore a domain. (`virDomainSaveRestoreFlags`)
    pub struct SaveDomain {
        /// Without the host's file cache.
        const BYPASS_CACHE = 1 << 0;
        /// It runs when it is restored.
        const RUNNING = 1 << 1;
        /// It is paused when it is restored.
        const PAUSED = 1 << 2;
        /// Its NVRAM is made anew.
        const RESET_NVRAM = 1 << 3;
    }

    /// Which view of a save image's XML. (`virDomainSaveImageXMLFlags`)
    pub struct SaveImageXml {
        /// Passwords too.
        const SECURE = 1 << 0;
    }

    /// How to dump a domain's memory. (`virDomainCoreDumpFlags`)
    pub struct DumpDomain {
        /// The domain crashes then.
        const CRASH = 1 << 0;
        /// The domain goes on meanwhile.
        const LIVE = 1 << 1;
        /// Without the host's file cache.
        const BYPASS_CACHE = 1 << 2;
        /// The domain is reset then.
        const RESET = 1 << 3;
        /// Only its memory.
        const MEMORY_ONLY = 1 << 4;
    }
}

abi_enum! {
    /// How a memory dump is written. (`virDomainCoreDumpFormat`)
    pub enum DumpFormat {
        /// As it is.
        Raw = 0 "elf",
        /// For kdump, compressed with zlib.
        KdumpZlib = 1 "kdump-zlib",
        /// For kdump, compressed with LZO.
        KdumpLzo = 2 "kdump-lzo",
        /// For kdump, compressed with Snappy.
        KdumpSnappy = 3 "kdump-snappy",
        /// For Windows' debuggers.
        WinDmp = 4 "win-dmp",
        /// For kdump without flattening, compressed with zlib.
        KdumpRawZlib = 5 "kdump-raw-zlib",
        /// For kdump without flattening, compressed with LZO.
        KdumpRawLzo = 6 "kdump-raw-lzo",
        /// For kdump without flattening, compressed with Snappy.
        KdumpRawSnappy = 7 "kdump-raw-snappy",
    }
}
