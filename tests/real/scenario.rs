//! The Killercoda scenario, played as Killercoda plays it: the files are copied while background and foreground run
//! already, the background is hidden, the foreground is typed into the learner's shell, a click types a block of code, and
//! a check runs by itself, with a budget.

mod learner;
mod machine;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::Lab;
use machine::{Machine, Scenario};

pub(crate) use machine::leave;

/// What the first page says when the learner can begin.
const PREPARED: &str = "Everything is prepared.";

/// What it says of everything else.
const NOT_PREPARED: &str = "The preparation ";

/// The command that goes on.
const AGAIN: &str = "bash /opt/pgedge/prepare.sh";

/// A slow machine that pulls everything; the scripts' own limits are longer.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn the_scenario_can_be_played(lab: &Lab) {
    let machine = Machine::enter(lab);
    let scenario = Scenario::released(lab);
    let steps = scenario.steps();
    for step in &steps {
        let (code, words) = machine.verify(&step.verify);
        assert!(code != 0 && words.contains("pgedge-bootstrap is not here yet"), "{}: {code}, {words}", step.id);
    }
    let kills = machine.out_of_memory_kills();
    let began = Instant::now();
    let learner = machine.open(&scenario);
    let first_page = learner.after_foreground(PATIENCE);
    assert!(first_page.contains(PREPARED), "{first_page}");
    println!("  scenario start to operators ready: {:.1} s", began.elapsed().as_secs_f64());
    let memory_of_operators = machine.memory();
    // What holds at each point: some steps look at what an earlier one has made.
    let holding = |point: &str, wanted: &str| {
        let looks = steps.iter().map(|step| (step.id.as_str(), machine.verify(&step.verify)));
        let looks: Vec<_> = looks.collect();
        let holds: Vec<&str> = looks.iter().filter(|(_, (code, _))| *code == 0).map(|(step, _)| *step).collect();
        assert_eq!(holds.join(" "), wanted, "{point}: {looks:#?}");
    };
    holding("the machine is prepared", "orient bootstrap");
    for step in &steps {
        for block in &step.blocks {
            learner.click(block);
        }
        let (code, words) = machine.verify(&step.verify);
        assert_eq!(code, 0, "after {}: {words}", step.id);
        match step.id.as_str() {
            "configure" => holding("the values are written", "orient bootstrap configure"),
            "deploy" => holding("the chart is installed", "orient bootstrap configure deploy health"),
            "prove" => holding("all is done", "orient bootstrap configure deploy health prove"),
            _ => {}
        }
    }
    println!("  scenario start to the proof: {:.1} s", began.elapsed().as_secs_f64());
    let nodes = machine.sh("kubectl get clusters.postgresql.cnpg.io --output json");
    let nodes: Value = serde_json::from_str(&nodes).unwrap();
    assert_eq!(nodes["items"].as_array().unwrap().len(), 3, "{nodes}");
    println!(
        "  memory of the machine: {memory_of_operators} with the operators, {} with three nodes",
        machine.memory()
    );
    println!("  memory of the largest Postgres, of 256 MiB: {} MiB", machine.largest_postgres() >> 20);
    assert_eq!(machine.out_of_memory_kills(), kills, "something was killed for want of memory");
    // The first two steps only look at what was there before: they see it go, too.
    let fails = |step: usize, words: &str| {
        let (code, said) = machine.verify(&steps[step].verify);
        assert!(code != 0 && said.contains(words), "{}: {said}", steps[step].id);
    };
    machine.sh("pkill -STOP -x kube-apiserver");
    fails(0, "does not answer");
    machine.sh("pkill -CONT -x kube-apiserver");
    machine.sh("kubectl scale deployment cnpg-controller-manager --namespace cnpg-system --replicas 0");
    fails(1, "it is scaled to zero");
    machine.sh("kubectl scale deployment cnpg-controller-manager --namespace cnpg-system --replicas 1");
    machine.until("pgedge-bootstrap verify active-active/bootstrap");
    // What the machine had was not touched.
    assert_eq!(machine.sh("ls /usr/local/bin").lines().find(|name| name.contains("kubectl")), Some("kubectl-cnpg"));
    machine.sh("cmp /root/.kube/config /etc/kubernetes/admin.conf");
    machine.sh("helm uninstall pgedge --wait");
    machine.sh("kubectl wait --for=delete pod --selector cnpg.io/cluster --timeout=120s");
}

/// Each fault, and the sentence with which the first page must end.
pub(crate) fn the_first_page_always_ends_and_says_how(lab: &Lab) {
    let machine = Machine::enter(lab);
    let scenario = Scenario::released(lab);

    machine.reset();
    machine.fault(&["add", "github.com/pgEdge/*", "reset"]);
    let learner = machine.open(&scenario);
    let first_page = learner.after_foreground(PATIENCE);
    machine.fault(&["clear"]);
    assert_ends(&first_page, &["trying again in 27 s: curl: ", "has failed: curl: "]);
    // The network is back, and the command that was named goes on.
    learner.click(&format!("{AGAIN}\n"));
    assert_eq!(machine.sh("cat /run/pgedge-bootstrap/result").trim(), "done");

    machine.reset();
    machine.fault(&["add", "github.com/pgEdge/*", "wrong-bytes"]);
    let first_page = machine.open(&scenario).after_foreground(PATIENCE);
    machine.fault(&["clear"]);
    assert_ends(&first_page, &["has failed: checksum mismatch: https://", "nothing of it was run"]);
    machine.sh("test ! -e /usr/local/bin/pgedge-bootstrap");

    machine.reset();
    machine.sh("mount -t tmpfs -o size=2m none /usr/local/bin");
    let first_page = machine.open(&scenario).after_foreground(PATIENCE);
    machine.sh("umount /usr/local/bin");
    assert_ends(&first_page, &["has failed: no space is left for https://", "curl: (23)"]);

    machine.reset();
    machine.sh("mkdir -p /root/.cache && mount -t tmpfs -o size=20m none /root/.cache");
    let first_page = machine.open(&scenario).after_foreground(PATIENCE);
    machine.sh("umount /root/.cache");
    assert_ends(&first_page, &["(disk-full)", "has failed, or was killed: the reason is above"]);
}

/// `kill -9` of the background, at any time: whoever waits is told, and the command that is named goes on.
pub(crate) fn a_background_that_is_killed_is_told(lab: &Lab) {
    let machine = Machine::enter(lab);
    let scenario = Scenario::released(lab);
    let slow = |rate: &str| machine.throttle(rate);

    machine.reset();
    slow("1mbit");
    let learner = machine.open(&scenario);
    machine.until("grep -q downloading /run/pgedge-bootstrap/phase");
    machine.sh("pkill -KILL -f '/opt/pgedge/[p]repare.sh' && pkill -KILL curl");
    let first_page = learner.after_foreground(PATIENCE);
    assert_ends(&first_page, &["was killed while it was at: downloading pgedge-bootstrap, attempt 1 of 5"]);

    // The program comes in some seconds, and what it brings in half a minute.
    slow("16mbit");
    machine.reset();
    let learner = machine.open(&scenario);
    machine.until("ls /root/.cache/pgedge-bootstrap/sha256/*.partial");
    machine.sh("pkill -KILL -f '/opt/pgedge/[p]repare.sh' && pkill -KILL -f 'pgedge-bootstrap --[k]illercoda'");
    let first_page = learner.after_foreground(PATIENCE);
    slow("off");
    assert_ends(&first_page, &["(run-lost)", "has failed, or was killed: the reason is above"]);
    learner.click(&format!("{AGAIN}\n"));

    // The script alone is gone: what it has started goes on, and is shown to its end.
    machine.reset();
    slow("16mbit");
    let learner = machine.open(&scenario);
    machine.until("ls /root/.cache/pgedge-bootstrap/sha256/*.partial");
    machine.sh("pkill -KILL -f '/opt/pgedge/[p]repare.sh'");
    slow("off");
    let first_page = learner.after_foreground(PATIENCE);
    assert!(first_page.contains(PREPARED), "{first_page}");

    // The kernel kills what takes more memory than there is.
    machine.reset();
    let kills = machine.out_of_memory_kills();
    // Enough for the program to start, and not for what it does.
    let learner = machine.open_with_memory(&scenario, 16);
    let first_page = learner.after_foreground(PATIENCE);
    assert_ends(&first_page, &[]);
    assert!(machine.out_of_memory_kills() > kills, "nothing was killed: {first_page}");
}

/// A machine with less room: two nodes, said in one sentence; and a third one that turns out not to fit goes again.
pub(crate) fn a_small_machine_gets_two_nodes(lab: &Lab) {
    let machine = Machine::enter(lab);
    let scenario = Scenario::released(lab);
    machine.reset();
    let taken = machine.take_memory("hog", 1700);
    let first_page = machine.open(&scenario).after_foreground(PATIENCE);
    assert!(first_page.contains(PREPARED), "{first_page}");
    let sentence = "2 nodes and not 3: ";
    assert!(first_page.contains(sentence), "{first_page}");
    let values = machine.sh("pgedge-bootstrap values --output json");
    let values: Value = serde_json::from_str(&values).unwrap();
    assert_eq!(values["pgEdge"]["nodes"].as_array().unwrap().len(), 2, "{values}");
    drop(taken);

    // Three were chosen, and then something else took the room.
    machine.reset();
    let first_page = machine.open(&scenario).after_foreground(PATIENCE);
    assert!(first_page.contains("there is room for pgEdge: 3 nodes: "), "{first_page}");
    let taken = machine.take_all_but(300);
    // The learner's own helm waits for a node that has no place; the check says so, and how to go on.
    machine.sh("pgedge-bootstrap values > values-demo.yaml; eval \"$(pgedge-bootstrap env)\"; \
         timeout 20 helm upgrade --install pgedge \"$PGEDGE_CHART\" --values values-demo.yaml; test $? != 0");
    let deploy = scenario.steps().into_iter().find(|step| step.id == "deploy").unwrap();
    // The pods change places for a while: one that has done its work makes room for the next.
    machine.verify_until_it_says(&deploy.verify, 1, "no Kubernetes node has room for pod pgedge-n");
    let up = machine.sh("pgedge-bootstrap --killercoda --until prove 2>&1");
    assert!(up.contains("2 nodes and not 3: no Kubernetes node has room for pod pgedge-n"), "{up}");
    assert!(up.contains("2 of 2 ordered pairs"), "{up}");
    let left = machine.sh("kubectl get clusters.postgresql.cnpg.io,pvc --output name");
    assert!(!left.contains("n3") && left.contains("pgedge-n2"), "{left}");
    machine.sh("pgedge-bootstrap verify");
    drop(taken);
    machine.sh("helm uninstall pgedge --wait");
}

/// The first page ended badly: with these words, and the command that goes on.
fn assert_ends(first_page: &str, words: &[&str]) {
    assert!(!first_page.contains(PREPARED), "{first_page}");
    for word in words.iter().chain(&[NOT_PREPARED, AGAIN]) {
        assert!(first_page.contains(word), "{word:?} is not on the page:\n{first_page}");
    }
}
