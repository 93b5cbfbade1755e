"""The lab, and both ways through it: one run at a time, each on a machine without a cluster."""

import contextlib
import datetime
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LAB = HERE.parent / "lab" / "lab"

PRODUCT, SHELL = "pgedge-bootstrap", "shell way"
CLUSTERS = {PRODUCT: "pgedge-lab-bench", SHELL: "pgedge-lab-bench-shell"}

COLD_RATE = "100mbit"
# Seconds. A run takes one to three minutes; preparing and removing take seconds, building the lab a quarter of an hour.
RUN_DEADLINE = 15 * 60
COMMAND_DEADLINE = 2 * 60
LAB_DEADLINE = 60 * 60


class Bench:
    """The lab, and both ways through it."""

    def __init__(self, binary, homes, logs):
        self.binary, self.homes, self.logs = binary.resolve(), homes, logs
        logs.mkdir(parents=True, exist_ok=True)
        checked([LAB, "up"], os.environ, LAB_DEADLINE)
        exports = shlex.split(checked([LAB, "env"], os.environ))
        settings = dict(word.split("=", 1) for word in exports if word != "export")
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.settings = {"PATH": path, "HOME": str(homes), **settings}
        self.pins = checked([self.binary, "versions", "--output", "json"], self.settings)
        self.node_image = self._node_image()
        self.networks = self.docker("network", "ls", "--format", "{{.Name}}").split()

    def docker(self, *arguments):
        return checked(["docker", *arguments], self.settings)

    def _node_image(self):
        """As both ways pull it: by digest, through the lab's registry."""
        image = json.loads(self.pins)["node_images"][0]
        mirrors = dict(pair.split("=", 1) for pair in self.settings["PGEDGE_BOOTSTRAP_REGISTRY_MIRROR"].split(","))
        host, path = image["image"].rsplit(":", 1)[0].split("/", 1)
        return f"{mirrors[host].split('://')[1]}/{path}@{image['digest']}"

    def run(self, way, home, name):
        """One run on a machine without a cluster, in this HOME. Its output is kept in the logs under this name."""
        self.remove_clusters()
        home.mkdir(exist_ok=True)
        environment = self.settings | {"HOME": str(home)}
        if way == PRODUCT:
            command = [self.binary, "--local", "--name", CLUSTERS[way], "--output", "json"]
        else:
            command = [HERE / "shell-way", CLUSTERS[way], home / "shell-way"]
        output = self.logs / f"{name}.out"
        load, began = os.getloadavg()[0], time.time()
        seconds = self._timed(command, environment, output)
        if way == PRODUCT:
            phases = phases_of_product(output)
        else:
            phases = phases_of_shell(home / "shell-way" / "phases.jsonl", began)
        return {"seconds": seconds, "load_before": load, "phases": phases}

    def _timed(self, command, environment, output):
        """Seconds that the command takes. It and what it started are ended if it takes too long."""
        with output.open("w") as out, output.with_suffix(".err").open("w") as errors:
            began = time.monotonic()
            process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=out, stderr=errors,
                                       text=True, start_new_session=True)
            try:
                process.communicate(self.pins, timeout=RUN_DEADLINE)
            except BaseException as error:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if isinstance(error, subprocess.TimeoutExpired):
                    fail(f"{output.stem} took longer than {RUN_DEADLINE} s", f"see {output}")
                raise
            seconds = time.monotonic() - began
        if process.returncode != 0:
            fail(f"{output.stem} failed with {process.returncode}", f"see {output} and {output.with_suffix('.err')}")
        return seconds

    def remove_clusters(self):
        # Each run had a HOME of its own.
        down = ["down", "--take-over", "--yes", "--name", CLUSTERS[PRODUCT], "--output", "json"]
        checked([self.binary, *down], self.settings)
        label = f"label=io.x-k8s.kind.cluster={CLUSTERS[SHELL]}"
        for container in self.docker("ps", "--all", "--quiet", "--filter", label).split():
            self.docker("rm", "--force", "--volumes", container)

    @contextlib.contextmanager
    def leaving_nothing(self):
        """Removes the clusters in the end, and kind's network if it was not there before."""
        try:
            yield
        finally:
            self.remove_clusters()
            if "kind" not in self.networks and "kind" in self.docker("network", "ls", "--format", "{{.Name}}").split():
                self.docker("network", "rm", "kind")

    @contextlib.contextmanager
    def slow_link(self):
        try:
            checked([LAB, "throttle", COLD_RATE], os.environ)
            yield
        finally:
            checked([LAB, "throttle", "off"], os.environ)

    def forget_node_image(self):
        """Removes the node image from docker. First layers that another image has, too, would stay: that is said."""
        self.remove_clusters()
        ours = self._layers(self.node_image)
        if ours:
            ancestor = f"ancestor={self.node_image}"
            if users := self.docker("ps", "--all", "--filter", ancestor, "--format", "{{.Names}}").split():
                fail(f"the node image is in use by {', '.join(users)}", "remove them, or measure --warm alone")
            self.docker("image", "rm", self.node_image)
        for image in set(self.docker("image", "ls", "--all", "--quiet").split()):
            if kept := os.path.commonprefix([ours, self._layers(image)]):
                say(f"note: docker keeps {len(kept)} of the node image's {len(ours)} layers because of image {image}; "
                    "neither way pulls them, so this is not quite cold")

    def _layers(self, image):
        asked = subprocess.run(["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", image],
                               env=self.settings, capture_output=True, text=True, timeout=COMMAND_DEADLINE)
        # It fails for an image that is not there: no layers.
        return json.loads(asked.stdout) if asked.returncode == 0 else []


def phases_of_product(output):
    """Its steps, as docs/events.md describes the events. A step that others went before began when it was its turn."""
    phases, start = {}, None
    for event in map(json.loads, output.read_text().splitlines()):
        kind, moment = event["event"], seconds_of(event["time"])
        if kind == "run-started":
            start = moment
        elif kind in ("step-started", "step-applying"):
            phases[event["step"]] = {"began": moment - start}
        elif kind == "step-done":
            phases[event["step"]]["seconds"] = moment - start - phases[event["step"]]["began"]
    return phases


def phases_of_shell(file, start):
    lines = map(json.loads, file.read_text().splitlines())
    return {line["phase"]: {"began": line["began"] - start, "seconds": line["ended"] - line["began"]} for line in lines}


def seconds_of(timestamp):
    """Of an RFC 3339 time in UTC, which may have nanoseconds."""
    whole, _, fraction = timestamp.rstrip("Z").partition(".")
    return datetime.datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def checked(command, environment, deadline=COMMAND_DEADLINE):
    """What the command prints; its failure is ours."""
    words = shlex.join(map(str, command))
    try:
        ran = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                             timeout=deadline)
    except subprocess.TimeoutExpired:
        fail(f"`{words}` took longer than {deadline} s")
    if ran.returncode != 0:
        fail(f"`{words}` failed with {ran.returncode}")
    return ran.stdout


def slug(way):
    return way.replace(" ", "-")


def say(words):
    print(words, file=sys.stderr, flush=True)


def fail(what, hint=None):
    say(f"error: {what}" + (f"\nhint: {hint}" if hint else ""))
    sys.exit(1)
