//! The names of the clusters that tests make in the lab: other ones in every checkout, for the engine of containers knows one of each
//! name, and a test removes what an interrupted one has left.

/// A dash, and so many digits of a number that the path of the checkout gives.
pub(crate) const MARK: usize = 7;

/// The bytes of a name in the checkout at this path: what it is for, the checkout's mark, and what stands behind it.
pub(crate) const fn named<const LENGTH: usize>(checkout: &str, what: &str, behind: &str) -> [u8; LENGTH] {
    assert!(LENGTH == what.len() + MARK + behind.len(), "it is as long as its parts");
    let mut name = [b'-'; LENGTH];
    let (what, behind, mut hash) = (what.as_bytes(), behind.as_bytes(), fnv(checkout.as_bytes()));
    let mut at = 0;
    while at < what.len() {
        name[at] = what[at];
        at += 1;
    }
    let mut digit = 1;
    while digit < MARK {
        name[what.len() + digit] = b"0123456789abcdef"[(hash & 15) as usize];
        hash >>= 4;
        digit += 1;
    }
    let mut at = 0;
    while at < behind.len() {
        name[what.len() + MARK + at] = behind[at];
        at += 1;
    }
    name
}

/// FNV-1a, with its upper half folded into the lower one.
const fn fnv(bytes: &[u8]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    ((hash >> 32) ^ (hash & 0xffff_ffff)) as u32
}

/// The name of a cluster of this checkout, or of something that is called after one, as a constant.
macro_rules! of_this_checkout {
    ($what:literal) => {
        $crate::common_checkout::of_this_checkout!($what, "")
    };
    ($what:literal, $behind:literal) => {{
        use $crate::common_checkout::{MARK, named};
        const NAME: [u8; $what.len() + MARK + $behind.len()] = named(env!("CARGO_MANIFEST_DIR"), $what, $behind);
        match std::str::from_utf8(&NAME) {
            Ok(name) => name,
            Err(_) => panic!("a name is text"),
        }
    }};
}
pub(crate) use of_this_checkout;
