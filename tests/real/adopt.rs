//! Which cluster is adopted: the one that kubectl would use, and no other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, NAME, Ran, ran};
use crate::snapshot;

/// A second person, with a HOME of their own, reaches the shared cluster by a list of kubeconfigs with a relative path in it, of
/// which the first file is not there and the last one has another cluster.
pub(crate) fn the_cluster_that_kubectl_would_use_is_the_one_that_is_adopted(lab: &Lab) {
    let home = tempfile::tempdir().unwrap();
    let own = lab.home().join(".local/state/pgedge-bootstrap").join(NAME).join("kubeconfig");
    std::fs::create_dir(home.path().join("theirs")).unwrap();
    std::fs::copy(own, home.path().join("theirs/config")).unwrap();
    std::fs::copy(lab.home().join(".kube/config"), home.path().join("another")).unwrap();
    let list = "nowhere:theirs/config:another";

    let mut kubectl = lab.command_of(&lab.bin().join("kubectl"));
    kubectl.current_dir(home.path()).env("HOME", home.path()).env("KUBECONFIG", list);
    let seen = ran(&kubectl.args(["config", "view", "--minify", "--output", "json"]).output().unwrap());
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let seen: Value = serde_json::from_str(&seen.stdout).unwrap();
    let server = seen["clusters"][0]["cluster"]["server"].as_str().unwrap();
    let context = seen["current-context"].as_str().unwrap();

    let mut look = lab.up_command(&["--killercoda", "--name", "lab-adopted", "--dry-run", "--output", "json"]);
    look.current_dir(home.path()).env("HOME", home.path()).env("KUBECONFIG", list);
    let look = ran(&look.output().unwrap());
    assert_eq!(look.code, 0, "{}", look.stderr);
    let planned: Value = serde_json::from_str(&look.stdout).unwrap();
    assert_eq!((&planned["adopted"]["server"], &planned["adopted"]["context"]), (&server.into(), &context.into()));
    assert_eq!(planned["adopted"]["creates"], Value::Array(Vec::new()), "the operators are there");
    let steps = planned["steps"].as_array().unwrap();
    for id in ["kubernetes-api", "cluster", "cert-manager", "cloudnative-pg"] {
        let step = steps.iter().find(|step| step["id"] == id).unwrap();
        assert_eq!(step["state"], "done", "{id}: {planned}");
    }
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == ".local"), "a look leaves nothing: {left:?}");
}

/// A second person's HOME, with a kubeconfig of the shared cluster.
struct Second {
    home: tempfile::TempDir,
}

impl Second {
    fn with(kubeconfig: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config"), kubeconfig).unwrap();
        Self { home }
    }

    /// As the cluster's administrator.
    fn administrator(lab: &Lab) -> Self {
        let own = lab.home().join(".local/state/pgedge-bootstrap").join(NAME).join("kubeconfig");
        Self::with(&std::fs::read_to_string(own).unwrap())
    }

    /// What a look finds of a step.
    fn look(&self, lab: &Lab, id: &str) -> Value {
        let look = self.adopt(lab, &["--dry-run"]);
        let planned: Value = serde_json::from_str(&look.stdout).unwrap();
        planned["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap().clone()
    }

    fn adopt(&self, lab: &Lab, arguments: &[&str]) -> Ran {
        let mut command = lab.up_command(&["--killercoda", "--name", "lab-adopted", "--output", "json"]);
        command.args(["--bin-dir", "bin"]).args(arguments).current_dir(self.home.path());
        ran(&command.env("HOME", self.home.path()).env("KUBECONFIG", "config").output().unwrap())
    }
}

fn kubectl(lab: &Lab, line: &[&str]) -> String {
    let done = lab.tool(&[&["kubectl"], line].concat());
    assert_eq!(done.code, 0, "{line:?}: {}", done.stderr);
    done.stdout.trim().to_owned()
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn event<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events
        .iter()
        .find(|event| event["event"] == name)
        .unwrap_or_else(|| panic!("there is no event {name}: {events:#?}"))
}

/// A service account that may look at most things. What the hint lets its administrator type gives it the rest.
pub(crate) fn a_user_with_too_few_rights_is_told_all_of_them_before_anything_is_written(lab: &Lab) {
    kubectl(lab, &["create", "serviceaccount", "limited"]);
    let view =
        ["create", "clusterrolebinding", "limited", "--clusterrole", "view", "--serviceaccount", "default:limited"];
    kubectl(lab, &view);
    let token = kubectl(lab, &["create", "token", "limited"]);
    let mut config: Value =
        serde_json::from_str(&kubectl(lab, &["config", "view", "--raw", "--minify", "-o", "json"])).unwrap();
    config["users"][0]["user"] = serde_json::json!({"token": token});
    let second = Second::with(&config.to_string());

    let before = snapshot::of(lab);
    let ran = second.adopt(lab, &["--until", "prove"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let events = events(&ran);
    assert_eq!(event(&events, "cluster-adopted")["server"], config["clusters"][0]["cluster"]["server"]);
    let failed = event(&events, "step-failed");
    assert_eq!((&failed["id"], &failed["step"]), (&"permissions-missing".into(), &"kubernetes-api".into()), "{failed}");
    assert!(failed["summary"].as_str().unwrap().contains("system:serviceaccount:default:limited"), "{failed}");
    let lines: Vec<&str> = failed["evidence"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    for (place, verb, resource) in [
        ("cluster-wide: ", "list", "nodes"),
        ("in the namespace default: ", "create", "pods/exec"),
        ("in the namespace default: ", "create", "clusters.postgresql.cnpg.io"),
    ] {
        let tells = |line: &&str| line.starts_with(place) && line.contains(verb) && line.contains(resource);
        assert!(lines.iter().any(tells), "{place}{verb} {resource}: {failed:#}");
    }
    let look = second.adopt(lab, &["--dry-run"]);
    assert!(look.code == 1 && look.stderr.contains("(permissions-missing)"), "{}", look.stderr);
    assert_eq!(snapshot::of(lab), before, "something was written");

    let hint = failed["hint"].as_str().unwrap();
    let grant = hint.split('`').find(|part| part.starts_with("kubectl create ")).unwrap();
    kubectl(lab, &grant.split(' ').skip(1).collect::<Vec<_>>());
    let look = second.adopt(lab, &["--dry-run"]);
    for kind in
        [["clusterrolebinding", "limited"], ["clusterrolebinding", "pgedge-bootstrap"], ["serviceaccount", "limited"]]
    {
        kubectl(lab, &["delete", kind[0], kind[1]]);
    }
    assert_eq!(look.code, 0, "{}", look.stderr);
}

/// An operator of which nothing says that this program has installed it is somebody else's.
pub(crate) fn a_foreign_operator_is_used_or_refused_before_anything_is_written(lab: &Lab) {
    let second = Second::administrator(lab);
    let of = ["-n", "cert-manager", "deployment", "cert-manager"];
    let saved = kubectl(lab, &[&["get"], &of[..], &["-o", "json", "--show-managed-fields"]].concat());
    let mut saved: Value = serde_json::from_str(&saved).unwrap();
    for field in ["resourceVersion", "uid"] {
        saved["metadata"].as_object_mut().unwrap().remove(field);
    }
    let file = lab.home().join("cert-manager.json");
    std::fs::write(&file, saved.to_string()).unwrap();
    let patch = |patch: &str| kubectl(lab, &[&["patch"], &of[..], &["--type", "json", "-p", patch]].concat());
    let seen = catch_unwind(AssertUnwindSafe(|| {
        patch(r#"[{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]"#);
        let used = second.look(lab, "cert-manager");
        // Nothing is started: a Deployment that is paused keeps its pods.
        let image = "quay.io/jetstack/cert-manager-controller:v1.10.0";
        patch(&format!(
            r#"[{{"op": "add", "path": "/spec/paused", "value": true}},
                {{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "{image}"}}]"#
        ));
        let before = snapshot::of(lab);
        let refused = second.adopt(lab, &["--until", "prove"]);
        assert_eq!(snapshot::of(lab), before, "something was written");
        (used, refused)
    }));
    kubectl(lab, &["replace", "-f", file.to_str().unwrap()]);
    let (used, refused) = seen.unwrap();
    assert_eq!(used["state"], "done", "{used}");
    assert!(used["detail"].as_str().unwrap().ends_with("used as it is"), "{used}");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    let events = events(&refused);
    let failed = event(&events, "step-failed");
    assert_eq!((&failed["id"], &failed["step"]), (&"operator-foreign".into(), &"kubernetes-api".into()), "{failed}");
    for fact in ["cert-manager/cert-manager", "1.10.0"] {
        assert!(failed["evidence"].to_string().contains(fact), "{fact}: {failed}");
    }
    let now = second.look(lab, "cert-manager");
    assert!(
        now["state"] == "done" && !now["detail"].as_str().unwrap().ends_with("used as it is"),
        "not put back: {now}"
    );
}

/// CoreDNS cannot read its configuration: who has adopted the cluster is told, and whose it is gets it mended.
pub(crate) fn a_corefile_that_is_not_taken_is_told_within_half_a_minute_and_mended_where_it_is_ours(lab: &Lab) {
    let second = Second::administrator(lab);
    let broken = serde_json::json!({"data": {"Corefile": ".:53 {\n    nonsense\n}\n"}}).to_string();
    kubectl(lab, &["-n", "kube-system", "patch", "configmap", "coredns", "--type", "merge", "-p", &broken]);
    kubectl(lab, &["-n", "kube-system", "delete", "pods", "-l", "k8s-app=kube-dns"]);
    let began = Instant::now();
    let adopted = second.adopt(lab, &["--until", "cluster"]);
    let took = began.elapsed();
    let up = lab.run(&["--local", "--until", "operators"]);

    assert_eq!(adopted.code, 1, "{}", adopted.stderr);
    let events = events(&adopted);
    let failed = event(&events, "step-failed");
    assert_eq!((&failed["id"], &failed["step"]), (&"cluster-not-ready".into(), &"cluster".into()), "{failed}");
    let evidence = failed["evidence"].to_string();
    for words in ["pod kube-system/coredns-", "Unknown directive 'nonsense'", "configmap kube-system/coredns"] {
        assert!(evidence.contains(words), "{words}: {failed:#}");
    }
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    assert_eq!(up.code, 0, "{}", up.stderr);
    let kept =
        kubectl(lab, &["-n", "kube-system", "get", "configmap", "coredns-before-pgedge-bootstrap", "-o", "json"]);
    kubectl(lab, &["-n", "kube-system", "delete", "configmap", "coredns-before-pgedge-bootstrap"]);
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept["data"], serde_json::from_str::<Value>(&broken).unwrap()["data"], "what was in it is kept");
}
