//! A docker engine of nothing, which several HOMEs share.

use std::process::Command;

use serde_json::{Value, json};

use super::{Home, Ran};

/// An engine of nothing: its lists are files, and what is done to it is written down.
pub(crate) const ENGINE: &str = r#"
printf '%s\n' "$*" >> "$ENGINE/done"
case "$1 $2" in
  info*) echo "{\"ID\": \"$(cat "$ENGINE/id")\", \"ServerVersion\": \"28.2.2\", \"CgroupVersion\": \"2\", \"NCPU\": 4, \"MemTotal\": 8589934592, \"DockerRootDir\": \"/nowhere\"}" ;;
  ps*) cat "$ENGINE/containers" ;;
  "network ls") cat "$ENGINE/networks" ;;
  "volume ls") cat "$ENGINE/volumes" ;;
  "volume create")
    # As docker does it: the first who asks has it, with their labels.
    for word in "$@"; do
      case "$word" in com.pgedge.bootstrap.*=*) name=${word%%=*}; eval "${name##*.}='${word#*=}'" ;; esac
    done
    if ! grep -qF "\"ID\":\"$word\"" "$ENGINE/volumes"; then
      echo "{\"ID\":\"$word\",\"Cluster\":\"$cluster\",\"Owner\":\"$owner\",\"User\":\"$user\",\"Host\":\"$host\",\"Since\":\"$since\",\"Process\":\"${process-}\",\"Command\":\"${command-}\"}" >> "$ENGINE/volumes"
    fi ;;
  "network inspect") cat "$ENGINE/guests" ;;
  rm*) : > "$ENGINE/containers" ;;
  "network rm") : > "$ENGINE/networks" ;;
  "volume rm")
    shift 2
    for volume in "$@"; do
      grep -vF "\"ID\":\"$volume\"" "$ENGINE/volumes" > "$ENGINE/volumes.new" || :
      mv "$ENGINE/volumes.new" "$ENGINE/volumes"
    done ;;
  "context inspect") cat "$ENGINE/endpoint" ;;
  # Hangs as long as the gate, a pipe to which nobody writes, is there.
  pull*) [ ! -p "$ENGINE/gate" ] || read -r _ < "$ENGINE/gate"; echo "no such image" >&2; exit 1 ;;
  *) echo "$* is not known here" >&2; exit 1 ;;
esac"#;

pub(crate) struct Engine(pub(crate) Home);

impl Engine {
    pub(crate) fn new() -> Self {
        let engine = Self(Home::new());
        for list in ["containers", "networks", "volumes", "done"] {
            engine.has(list, &[]);
        }
        std::fs::write(engine.0.path().join("guests"), "{}").unwrap();
        engine.is("E1", "unix:///var/run/docker.sock");
        engine
    }

    pub(crate) fn is(&self, id: &str, endpoint: &str) {
        std::fs::write(self.0.path().join("id"), id).unwrap();
        std::fs::write(self.0.path().join("endpoint"), endpoint).unwrap();
    }

    pub(crate) fn has(&self, list: &str, rows: &[Value]) {
        let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
        std::fs::write(self.0.path().join(list), rows).unwrap();
    }

    /// What was done to it that is no question.
    pub(crate) fn changes(&self) -> Vec<String> {
        let done = std::fs::read_to_string(self.0.path().join("done")).unwrap();
        let question = |line: &&str| {
            ["info", "ps ", "network ls", "network inspect", "volume ls", "context inspect"]
                .iter()
                .any(|verb| line.starts_with(verb))
        };
        done.lines().filter(|line| !question(line)).map(str::to_owned).collect()
    }

    pub(crate) fn command(&self, home: &Home, arguments: &[&str]) -> Command {
        let mut command = home.command(arguments);
        command.env("ENGINE", self.0.path()).env("USER", "ann");
        command
    }

    pub(crate) fn run(&self, home: &Home, arguments: &[&str]) -> Ran {
        home.ran(&self.command(home, arguments).output().unwrap())
    }
}

pub(crate) fn home() -> Home {
    let home = Home::new();
    home.docker(ENGINE);
    home
}

/// A row of one of the lists, with the labels of a thing that bob has made.
pub(crate) fn of_bob(row: Value) -> Value {
    let mut row = row;
    for (name, value) in
        [("Cluster", "pgedge"), ("Owner", "b0b"), ("User", "bob"), ("Host", "desk"), ("Since", "2026-01-02T03:04:05Z")]
    {
        row[name] = value.into();
    }
    row
}

pub(crate) fn node(network: &str) -> Value {
    json!({"ID": "1", "Names": "pgedge-control-plane", "State": "running", "Networks": network})
}

/// A cluster that is finished, and one whose name is only claimed.
pub(crate) fn engines_of_bob() -> [Engine; 2] {
    let [finished, claimed] = [Engine::new(), Engine::new()];
    finished.has("containers", &[of_bob(node("pgedge-bootstrap-pgedge"))]);
    for engine in [&finished, &claimed] {
        engine.has("volumes", &[of_bob(json!({"ID": "pgedge-bootstrap-pgedge"}))]);
    }
    [finished, claimed]
}

pub(crate) fn remembered(home: &Home, engine: &str) {
    let state = home.path().join(".local/state/pgedge-bootstrap/pgedge");
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("engine"), engine).unwrap();
    std::fs::write(state.join("kubeconfig"), "").unwrap();
}
