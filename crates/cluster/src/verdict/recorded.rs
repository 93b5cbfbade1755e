//! The recorded objects of `tests/fixtures`.

use std::path::Path;

use serde::de::DeserializeOwned;

/// The object in `file`, a path below `tests/fixtures` without its ending.
#[expect(clippy::unwrap_used, reason = "only tests come here, and a test may panic")]
pub(super) fn object<K: DeserializeOwned>(file: &str) -> K {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let text = fs_err::read_to_string(folder.join(format!("{file}.yaml"))).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}
