//! Which cluster is adopted: the one that kubectl would use, and no other.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
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

/// The Deployment of an operator.
struct Operator {
    /// The id of its step.
    step: &'static str,
    namespace: &'static str,
    deployment: &'static str,
    /// Without its tag.
    image: &'static str,
}

const CERT_MANAGER: Operator = Operator {
    step: "cert-manager",
    namespace: "cert-manager",
    deployment: "cert-manager",
    image: "quay.io/jetstack/cert-manager-controller",
};

const CLOUDNATIVE_PG: Operator = Operator {
    step: "cloudnative-pg",
    namespace: "cnpg-system",
    deployment: "cnpg-controller-manager",
    image: "ghcr.io/cloudnative-pg/cloudnative-pg",
};

impl Operator {
    fn of(&self) -> [&'static str; 4] {
        ["-n", self.namespace, "deployment", self.deployment]
    }

    fn patch(&self, lab: &Lab, patch: &str) {
        kubectl(lab, &[&["patch"], &self.of()[..], &["--type", "json", "-p", patch]].concat());
    }

    /// Has it be of this version, by its image. Nothing is started: a Deployment that is paused keeps its pods.
    fn pretend(&self, lab: &Lab, tag: &str) {
        let image = format!("{}:{tag}", self.image);
        self.patch(
            lab,
            &format!(
                r#"[{{"op": "add", "path": "/spec/paused", "value": true}},
                    {{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "{image}"}}]"#
            ),
        );
    }

    /// Does something while nothing says any more that this program has installed the operator, and puts it back.
    fn while_foreign<T>(&self, lab: &Lab, second: &Second, act: impl FnOnce() -> T) -> T {
        let saved = kubectl(lab, &[&["get"], &self.of()[..], &["-o", "json", "--show-managed-fields"]].concat());
        let mut saved: Value = serde_json::from_str(&saved).unwrap();
        for field in ["resourceVersion", "uid"] {
            saved["metadata"].as_object_mut().unwrap().remove(field);
        }
        let file = lab.home().join(format!("{}.json", self.deployment));
        std::fs::write(&file, saved.to_string()).unwrap();
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.patch(lab, r#"[{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]"#);
            act()
        }));
        kubectl(lab, &["replace", "-f", file.to_str().unwrap()]);
        let done = done.unwrap_or_else(|panic| resume_unwind(panic));
        let now = second.look(lab, self.step);
        let is_used = now["detail"].as_str().unwrap().ends_with("used as it is");
        assert!(now["state"] == "done" && !is_used, "not put back: {now}");
        done
    }

    /// With the version that is running: it is used.
    fn assert_used(&self, lab: &Lab, second: &Second) {
        let used = second.look(lab, self.step);
        assert_eq!(used["state"], "done", "{used}");
        assert!(used["detail"].as_str().unwrap().ends_with("used as it is"), "{used}");
    }

    /// With this tag: it is refused, with these facts, before anything is written.
    fn assert_refused(&self, lab: &Lab, second: &Second, tag: &str, facts: &[&str]) {
        self.pretend(lab, tag);
        let before = snapshot::of(lab);
        let refused = second.adopt(lab, &["--until", "prove"]);
        assert_eq!(snapshot::of(lab), before, "something was written");
        assert_eq!(refused.code, 1, "{tag}: {}", refused.stderr);
        let events = events(&refused);
        let failed = event(&events, "step-failed");
        let (id, step) = (&failed["id"], &failed["step"]);
        assert_eq!((id, step), (&"operator-foreign".into(), &"kubernetes-api".into()), "{tag}: {failed}");
        let place = format!("deployment {}/{}", self.namespace, self.deployment);
        for fact in [&[place.as_str(), tag], facts].concat() {
            assert!(failed["evidence"].to_string().contains(fact), "{tag}, {fact}: {failed}");
        }
    }
}

/// An operator of which nothing says that this program has installed it is somebody else's.
pub(crate) fn a_foreign_operator_is_used_or_refused_before_anything_is_written(lab: &Lab) {
    let second = Second::administrator(lab);
    CERT_MANAGER.while_foreign(lab, &second, || {
        CERT_MANAGER.assert_used(lab, &second);
        CERT_MANAGER.assert_refused(lab, &second, "v1.10.0", &["version 1.10.0"]);
    });
}

/// The pinned version and both its neighbours are used; others are refused.
pub(crate) fn a_foreign_cloudnative_pg_is_used_or_refused_by_its_version(lab: &Lab) {
    let second = Second::administrator(lab);
    let pins = lab.pins();
    let pinned: Vec<&str> = pins["manifests"]["cloudnative-pg"]["version"].as_str().unwrap().split('.').collect();
    let (major, minor): (u32, u32) = (pinned[0].parse().unwrap(), pinned[1].parse().unwrap());
    let supported = format!("supported: {major}.{} to {major}.{}", minor - 1, minor + 1);
    CLOUDNATIVE_PG.while_foreign(lab, &second, || {
        CLOUDNATIVE_PG.assert_used(lab, &second);
        for neighbour in [minor - 1, minor + 1] {
            CLOUDNATIVE_PG.pretend(lab, &format!("{major}.{neighbour}.7"));
            let before = snapshot::of(lab);
            let look = second.look(lab, CLOUDNATIVE_PG.step);
            assert_eq!(snapshot::of(lab), before, "something was written");
            // Its pods are those of another image, for it is paused: that is waited for, and not refused.
            let detail = look["detail"].as_str().unwrap();
            let is_waited_for = detail.starts_with("deployment cnpg-system/cnpg-controller-manager: ");
            assert!(look["state"] == "waiting" && is_waited_for, "{neighbour}: {look}");
        }
        let versions = [
            format!("{major}.{}.0", minor - 2),
            format!("{major}.{}.0", minor + 2),
            format!("{}.{minor}.0", major + 1),
        ];
        for version in &versions {
            CLOUDNATIVE_PG.assert_refused(lab, &second, version, &[&format!("version {version}"), &supported]);
        }
    });
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
