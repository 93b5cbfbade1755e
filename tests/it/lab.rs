//! The lab on a machine where its ports are somebody else's, with a mirror that is made up: it ends over what is in `TAKEN` as the real
//! one does.

use std::path::Path;
use std::process::{Command, Output};

use crate::common_checkout::{MARK, named, of_this_checkout};

/// What `mirror serve` does.
const SERVE: &str = r#"
while [ $# -gt 0 ]; do case $1 in --root) root=$2 ;; --files) files=$2 ;; --registry) registry=$2 ;; esac; shift; done
for address in ${files%%,*} ${registry%%,*}; do
  case " $TAKEN " in *" ${address#*:} "*)
    echo "error: cannot listen for something: listen tcp $address: bind: address already in use"
    exit 1 ;;
  esac
done
list() { echo "[\"${1%,*}\",\"${1#*,}\"]"; }
echo "{\"files\":$(list "$files"),\"registry\":$(list "$registry")}" > "$root/health.new"
mv "$root/health.new" "$root/health"
read -r < "$root/end"
"#;

const HEALTH: &str = "cat \"$2/health\"\n";

/// Starts a mirror that is made up in a lab of its own, says where it is by the lab's own account, and stops it.
const START: &str = r#"
set -euo pipefail
export lab=$PWD/tests/lab
. tests/lab/parts/common.sh
. tests/lab/parts/server.sh
declare -A piece_folders=([mirror]=$cache/piece)
mkdir -p "$mirror_folder" "$cache/piece"
[ -x "$cache/piece/mirror" ] || cp "$(type -P bash)" "$cache/piece/mirror"
[ -p "$mirror_folder/end" ] || mkfifo "$mirror_folder/end"
rm -f "$mirror_folder/health"
cd "$SCRIPTS"
engine_gateway() { echo 172.17.0.1; }
point_mirror_at_published() { :; }
curl() { :; }
trap stop_mirror EXIT
take_lock
start_mirror
echo "$mirror_port $registry_port"
"#;

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("serve"), SERVE).unwrap();
        std::fs::write(folder.path().join("health"), HEALTH).unwrap();
        Self { folder }
    }

    fn start(&self, taken: &str, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["60", "bash", "-c", START]).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
        command.env_remove("PGEDGE_LAB_MIRROR_PORT").env_remove("PGEDGE_LAB_REGISTRY_PORT");
        command.env("PGEDGE_LAB_CACHE", self.folder.path().join("cache")).env("SCRIPTS", self.folder.path());
        command.env("TAKEN", taken).envs(settings.iter().copied()).output().unwrap()
    }

    fn ports(&self, taken: &str, settings: &[(&str, &str)]) -> String {
        let started = self.start(taken, settings);
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        String::from_utf8(started.stdout).unwrap().trim_end().to_owned()
    }
}

#[test]
fn the_lab_takes_other_ports_where_its_own_are_taken() {
    let lab = Lab::new();
    assert_eq!(lab.ports("18443 18444 15000", &[]), "18445 15001");
    // Clusters that are there know these.
    assert_eq!(lab.ports("", &[]), "18445 15001");
    assert_eq!(lab.ports("18445", &[]), "18446 15001");
}

#[test]
fn a_port_of_the_lab_that_was_asked_for_is_not_replaced_by_another() {
    let lab = Lab::new();
    assert_eq!(lab.ports("18443", &[("PGEDGE_LAB_MIRROR_PORT", "20443")]), "20443 15000");
    let refused = lab.start("20443 18443", &[("PGEDGE_LAB_MIRROR_PORT", "20443")]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(words.contains("error: port 20443 is taken") && words.contains("PGEDGE_LAB_MIRROR_PORT"), "{words}");
}

#[test]
fn what_the_lab_remembers_of_its_ports_may_be_broken() {
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir(cache.path().join("mirror")).unwrap();
    let ports = || {
        let mut command = Command::new("bash");
        command.args(["-c", ". tests/lab/parts/common.sh; echo $mirror_port $registry_port"]);
        command.env_remove("PGEDGE_LAB_MIRROR_PORT").env_remove("PGEDGE_LAB_REGISTRY_PORT");
        let said = command.env("PGEDGE_LAB_CACHE", cache.path()).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        String::from_utf8(said.unwrap().stdout).unwrap()
    };
    assert_eq!(ports(), "18443 15000\n");
    for (remembered, then) in [
        ("20443 16000\n", "20443 16000\n"),
        ("", "18443 15000\n"),
        ("18443", "18443 15000\n"),
        ("a b\n", "18443 15000\n"),
        ("1 2 3\n", "18443 15000\n"),
        ("-1 2\n", "18443 15000\n"),
    ] {
        std::fs::write(cache.path().join("mirror/ports"), remembered).unwrap();
        assert_eq!(ports(), then, "{remembered:?}");
    }
}

/// Facts of two checkouts on one machine must not remove each other's clusters.
#[test]
fn every_checkout_has_clusters_of_its_own_names() {
    const NAME: &str = of_this_checkout!("pgedge-lab-test");
    const NODE: &str = of_this_checkout!("pgedge-lab-test", "-control-plane");
    assert_eq!(NODE, format!("{NAME}-control-plane"));
    let of = |checkout: &str| {
        String::from_utf8(named::<{ "pgedge-lab-test".len() + MARK }>(checkout, "pgedge-lab-test", "").to_vec())
            .unwrap()
    };
    assert_eq!(NAME, of(env!("CARGO_MANIFEST_DIR")));
    let names: std::collections::BTreeSet<String> =
        (0..100).map(|number| of(&format!("/home/ann/checkout-{number}"))).collect();
    assert_eq!(names.len(), 100, "{names:?}");
    // What kind takes, with the longest of its own ends.
    for name in &names {
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        assert!(is_name && name.len() <= 40 && !name.ends_with('-'), "{name}");
    }
}
