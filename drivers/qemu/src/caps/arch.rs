//! Guest architectures, named as libvirt names them.

use std::fmt;

macro_rules! architectures {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $bits:literal;)*) => {
        /// What processor a guest has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Arch {
            $($(#[$doc])* $variant,)*
        }

        impl Arch {
            /// Every architecture.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// libvirt's name: `x86_64`, `armv7l`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The architecture of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// 32 or 64.
            pub const fn bits(self) -> u32 {
                match self { $(Self::$variant => $bits,)* }
            }
        }
    };
}

architectures! {
    /// Intel and AMD, 32 bits.
    I686 = "i686", 32;
    /// Intel and AMD, 64 bits.
    X86_64 = "x86_64", 64;
    /// Arm, 64 bits.
    Aarch64 = "aarch64", 64;
    /// Arm, 32 bits, version 6.
    Armv6l = "armv6l", 32;
    /// Arm, 32 bits, version 7.
    Armv7l = "armv7l", 32;
    /// Arm, 32 bits, version 7, big endian.
    Armv7b = "armv7b", 32;
    /// Power, 32 bits.
    Ppc = "ppc", 32;
    /// Power, 64 bits.
    Ppc64 = "ppc64", 64;
    /// Power, 64 bits, little endian.
    Ppc64le = "ppc64le", 64;
    /// IBM mainframes.
    S390x = "s390x", 64;
    /// RISC-V, 32 bits.
    Riscv32 = "riscv32", 32;
    /// RISC-V, 64 bits.
    Riscv64 = "riscv64", 64;
    /// LoongArch, 64 bits.
    Loongarch64 = "loongarch64", 64;
    /// MIPS, 32 bits.
    Mips = "mips", 32;
    /// MIPS, 32 bits, little endian.
    Mipsel = "mipsel", 32;
    /// MIPS, 64 bits.
    Mips64 = "mips64", 64;
    /// MIPS, 64 bits, little endian.
    Mips64el = "mips64el", 64;
    /// SPARC, 32 bits.
    Sparc = "sparc", 32;
    /// SPARC, 64 bits.
    Sparc64 = "sparc64", 64;
    /// Alpha.
    Alpha = "alpha", 64;
    /// CRIS.
    Cris = "cris", 32;
    /// LatticeMico32.
    Lm32 = "lm32", 32;
    /// Motorola 68000.
    M68k = "m68k", 32;
    /// MicroBlaze.
    Microblaze = "microblaze", 32;
    /// MicroBlaze, little endian.
    Microblazeel = "microblazeel", 32;
    /// OpenRISC.
    Or32 = "or32", 32;
    /// PA-RISC.
    Parisc = "parisc", 32;
    /// SuperH.
    Sh4 = "sh4", 32;
    /// SuperH, big endian.
    Sh4eb = "sh4eb", 32;
    /// UniCore.
    Unicore32 = "unicore32", 32;
    /// Xtensa.
    Xtensa = "xtensa", 32;
    /// Xtensa, big endian.
    Xtensaeb = "xtensaeb", 32;
}

impl Arch {
    /// Intel and AMD.
    pub const fn is_x86(self) -> bool {
        matches!(self, Self::I686 | Self::X86_64)
    }

    /// Arm of any width.
    pub const fn is_arm(self) -> bool {
        matches!(self, Self::Aarch64 | Self::Armv6l | Self::Armv7l | Self::Armv7b)
    }

    /// Power of any width.
    pub const fn is_ppc(self) -> bool {
        matches!(self, Self::Ppc | Self::Ppc64 | Self::Ppc64le)
    }

    /// Power with 64 bits.
    pub const fn is_ppc64(self) -> bool {
        matches!(self, Self::Ppc64 | Self::Ppc64le)
    }

    /// IBM mainframes.
    pub const fn is_s390(self) -> bool {
        matches!(self, Self::S390x)
    }

    /// RISC-V of any width.
    pub const fn is_riscv(self) -> bool {
        matches!(self, Self::Riscv32 | Self::Riscv64)
    }

    /// LoongArch.
    pub const fn is_loongarch(self) -> bool {
        matches!(self, Self::Loongarch64)
    }

    /// MIPS of any width.
    pub const fn is_mips(self) -> bool {
        matches!(self, Self::Mips | Self::Mipsel | Self::Mips64 | Self::Mips64el)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
