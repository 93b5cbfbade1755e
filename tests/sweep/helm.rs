//! helm's first tenth of a second: the release's record may be there and nothing of the chart yet. The cluster and its
//! operators stay from one moment to the next, only the release is removed.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::NAME;
use crate::common::lab::{Lab, ran};
use crate::moment::Kill;
use crate::processes::{self, Process};
use crate::run::Run;
use crate::tidy;
use crate::trial::{Report, Sweep, UP, check_first};

/// What is hit.
const FIRST: Duration = Duration::from_millis(100);

/// From the start of `up` to helm's, in a cluster that has its operators.
const HELM_STARTS: Duration = Duration::from_secs(60);

/// Until nothing of a release is left.
const REMOVED: Duration = Duration::from_secs(120);

const RELEASE: &str = "pgedge";

/// What a release of the chart has, and what is made for it and stays when it goes.
const OF_A_RELEASE: &str = "clusters.postgresql.cnpg.io,certificates,issuers,jobs,pods,persistentvolumeclaims";

/// One blow.
#[derive(Debug)]
pub(crate) struct HelmMoment {
    /// From 1.
    pub(crate) number: usize,
    since: Since,
    after: Duration,
    kill: Target,
}

/// From when on the tenth of a second is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Since {
    Started,
    Record,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Both,
    Helm,
    Program,
}

impl HelmMoment {
    /// Every second one is counted from the record, where what is dangerous begins. Takes the same number of draws
    /// whatever comes of them.
    pub(crate) fn draw(random: &mut fastrand::Rng, number: usize) -> Self {
        let after = FIRST.mul_f64(random.f64());
        let kill = [Target::Both, Target::Both, Target::Helm, Target::Program][random.usize(..4)];
        let since = if number.is_multiple_of(2) { Since::Started } else { Since::Record };
        Self { number, since, after, kill }
    }
}

impl fmt::Display for HelmMoment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kill = match self.kill {
            Target::Both => "the program and helm",
            Target::Helm => "helm",
            Target::Program => "the program",
        };
        let since = match self.since {
            Since::Started => "helm's start",
            Since::Record => "helm's record",
        };
        write!(formatter, "SIGKILL to {kill} {:.0} ms after {since}", self.after.as_secs_f64() * 1000.0)
    }
}

impl Sweep<'_> {
    /// A cluster with operators and no release.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) fn prepare_for_helm(&self) -> Result<(), String> {
        let setting = self.setting("operators");
        let mut run = Run::start(self.up(&setting, &["--until", "operators"]), self.outputs, "operators");
        run.wait(UP)?;
        run.check_code(0)
    }

    /// Tries a moment, and removes its release. Whether the next one finds what it needs is in the result.
    pub(crate) fn try_helm_moment(&self, moment: &HelmMoment, folder: &Path) -> Report {
        std::fs::create_dir(folder).unwrap();
        let setting = self.setting(&format!("helm-{}", moment.number));
        let mut report = Report { blow: moment.to_string(), ..Report::default() };
        let tried = AssertUnwindSafe(|| self.strike_helm(moment, &setting, folder, &mut report));
        if let Err(why) = catch_unwind(tried).unwrap_or_else(|_| Err("the sweep itself gave up".to_owned())) {
            report.complaints.push(why);
        }
        if let Err(why) = remove_release(&self.lab) {
            report.complaints.push(format!("the release could not be removed: {why}"));
            // Whatever keeps it there must not be the next moment's.
            report.complaints.extend(self.clean_up(&setting, folder));
            report.complaints.extend(self.prepare_for_helm().err());
        }
        report
    }

    /// Removes the cluster of these moments.
    pub(crate) fn end_helm(&self) -> Vec<String> {
        self.clean_up(&self.setting("end"), self.outputs)
    }

    fn strike_helm(
        &self,
        moment: &HelmMoment,
        setting: &str,
        folder: &Path,
        report: &mut Report,
    ) -> Result<(), String> {
        let records = Records::watch(&self.lab);
        let mut first = Run::start(self.up(setting, &[]), folder, "first");
        let mut helm = helm_at_work(&mut first)?;
        let seen = match moment.since {
            Since::Started => Instant::now(),
            Since::Record => records.first(HELM_STARTS)?,
        };
        while Instant::now() < seen + moment.after {
            std::hint::spin_loop();
        }
        report.at = first.started.elapsed();
        if moment.kill != Target::Helm {
            first.kill_group();
        }
        if moment.kill != Target::Program {
            helm.drain(..).for_each(|helm| helm.kill());
        }
        first.follow(Instant::now());
        report.running = first.running_steps();
        report.stages = first.running_stages();
        report.blow.push_str(&left_by(&self.lab));
        let kill = if moment.kill == Target::Helm { Kill::Child } else { Kill::Program };
        check_first(Some(kill), &mut first).map_err(|why| format!("the first up: {why}"))?;

        let mut second = Run::start(self.up(setting, &[]), folder, "second");
        let ended = second.wait(UP).map_err(|why| format!("up again: {why}"))?;
        report.again = Some(ended.after);
        second.check_proven().map_err(|why| format!("up again: {why}"))?;
        report.complaints.extend(tidy::complaints(&self.lab, &self.tools, setting));
        Ok(())
    }
}

/// The helm that installs, as soon as it is there; not one that is only asked for what there is.
fn helm_at_work(run: &mut Run) -> Result<Vec<Process>, String> {
    let end = Instant::now() + HELM_STARTS;
    while run.ended.is_none() && Instant::now() < end {
        let mut found = processes::below(run.process);
        found.retain(|process| process.name == "helm" && process.line().contains(" upgrade "));
        if !found.is_empty() {
            return Ok(found);
        }
        // Events that come in are taken; nothing is waited for, a look takes a few milliseconds.
        run.follow(Instant::now() + Duration::from_millis(1));
    }
    Err("the first up: helm was not started".to_owned())
}

/// The records of releases as they are made.
struct Records {
    watching: Child,
    lines: Receiver<Instant>,
}

impl Records {
    fn watch(lab: &Lab) -> Self {
        let mut command = tool(lab, "kubectl");
        command.args(["get", "secrets", "--selector", "owner=helm", "--watch-only", "--output", "name"]);
        let mut watching = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let printed = BufReader::new(watching.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for _ in printed.lines().map_while(Result::ok) {
                // Only the first one is asked for.
                let _ = sender.send(Instant::now());
            }
        });
        Self { watching, lines }
    }

    fn first(&self, limit: Duration) -> Result<Instant, String> {
        self.lines.recv_timeout(limit).map_err(|_| "helm made no record of the release".to_owned())
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // It may have ended with the API.
        let _ = self.watching.kill();
        let _ = self.watching.wait();
    }
}

/// What there is of the release right after the blow, for a person.
fn left_by(lab: &Lab) -> String {
    let has = |what: &[&str]| {
        let found = ran(&tool(lab, "kubectl")
            .args(["get", "--output", "name", "--ignore-not-found"])
            .args(what)
            .output()
            .unwrap());
        !found.stdout.trim().is_empty()
    };
    match (has(&["secrets", "--selector", "owner=helm"]), has(&["configmap", "pgedge-config"])) {
        (false, _) => ", before there was a record".to_owned(),
        (true, false) => ", with a record and no ConfigMap".to_owned(),
        (true, true) => ", with record and ConfigMap".to_owned(),
    }
}

/// Removes the release and all that came with it.
fn remove_release(lab: &Lab) -> Result<(), String> {
    let helm =
        ran(&tool(lab, "helm").args(["uninstall", RELEASE, "--ignore-not-found", "--no-hooks"]).output().unwrap());
    if helm.code != 0 {
        return Err(helm.stderr);
    }
    let limit = format!("--timeout={}s", REMOVED.as_secs());
    // The jobs of the chart's hooks are not the release's, and what cert-manager keeps in secrets stays.
    let removals: &[&[&str]] = &[
        &["delete", "--all", "--wait", "--ignore-not-found", &limit, OF_A_RELEASE],
        &["delete", "--wait", "--ignore-not-found", &limit, "secrets", "--field-selector", "type=kubernetes.io/tls"],
    ];
    for removal in removals {
        let removed = ran(&tool(lab, "kubectl").args(*removal).output().unwrap());
        if removed.code != 0 {
            return Err(removed.stderr);
        }
    }
    Ok(())
}

fn tool(lab: &Lab, name: &str) -> Command {
    let mut command = Command::new(lab.bin().join(name));
    let kubeconfig = lab.home().join(".local/state/pgedge-bootstrap").join(NAME).join("kubeconfig");
    command.env_clear().env("HOME", lab.home()).env("KUBECONFIG", kubeconfig);
    // Beside the person's kubeconfig nothing may lie that a run of the program has not put there.
    command.env("KUBECACHEDIR", lab.home().join(".cache/of-the-sweep"));
    command
}
