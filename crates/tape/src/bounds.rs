//! How large each dimension of a JSON text may be.

/// Upper bounds, each inclusive. Lengths are in bytes as written, before unescaping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Arrays and objects inside each other; `0` allows only a scalar. Default 64.
    pub depth: u32,
    /// Values in all, containers included, names not. Default 100,000 (a tape of 3.2 MB at most).
    pub values: u32,
    /// Members of one object. Default 1,000.
    pub members: u32,
    /// Items of one array. Default 10,000.
    pub items: u32,
    /// Bytes of a member name. Default 256.
    pub name_bytes: u32,
    /// Bytes of a string. Default 1 MiB.
    pub string_bytes: u32,
    /// Bytes of a number. Default 64: more digits than any integer or double in use, few enough to convert.
    pub number_bytes: u32,
}

impl Bounds {
    /// No bound but that of the offsets (4 GiB): only for text of our own making.
    pub const UNBOUNDED: Bounds = Bounds {
        depth: u32::MAX,
        values: u32::MAX,
        members: u32::MAX,
        items: u32::MAX,
        name_bytes: u32::MAX,
        string_bytes: u32::MAX,
        number_bytes: u32::MAX,
    };
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            depth: 64,
            values: 100_000,
            members: 1_000,
            items: 10_000,
            name_bytes: 256,
            string_bytes: 1 << 20,
            number_bytes: 64,
        }
    }
}
