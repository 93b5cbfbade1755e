//! `pins check`: what upstream says of the pins, one way of changing at a time.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::upstream::{
    KIND, document, evidence, kind_list, manifest_path, path, pin, postgres, tag, the_one, verdicts,
};
use crate::support::{Behaviour, Proxy, World, sum};

#[test]
fn what_upstream_has_as_it_is_pinned_is_the_same_and_no_tool_is_downloaded_for_it() {
    let world = World::of_upstream();
    let ran = world.check(&["--output", "json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let document = document(&ran);
    assert_eq!((&document["schema"], &document["ok"], &document["written"]), (&1.into(), &true.into(), &false.into()));
    let text = world.pins_text();
    let sums = text.matches("\"sha256\": ").count() + text.matches("\"digest\": ").count();
    assert_eq!(verdicts(&ran).len(), sums);
    assert!(verdicts(&ran).values().all(|verdict| verdict == "same"), "{}", ran.stdout);
    for pin in document["pins"].as_array().unwrap() {
        let pinned = world.pins().pointer(pin["pointer"].as_str().unwrap()).unwrap().clone();
        assert_eq!((&pin["pinned"], &pin["upstream"]), (&pinned, &pinned), "{pin}");
        assert!(!evidence(pin).is_empty() && !pin["signature"]["detail"].as_str().unwrap().is_empty(), "{pin}");
    }
    let tools = |request: &&String| request.contains("/kind-linux-amd64 ") || request.contains(".tar.gz ");
    let requests = world.server.requests();
    let mut asked = requests.iter().filter(tools).peekable();
    assert!(asked.peek().is_some() && asked.all(|request| request.starts_with("HEAD ")), "{requests:#?}");
    assert!(world.home.files().iter().all(|file| file == "pins.json"), "{:?}", world.home.files());
}

#[test]
fn people_see_every_pin_with_its_verdict_and_its_evidence() {
    let world = World::of_upstream();
    let ran = world.check(&[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let verdicts = ran.stdout.lines().filter(|line| line.starts_with("same ")).count();
    let last = ran.stdout.lines().last().unwrap();
    assert!(last.starts_with(&format!("{verdicts} pins: {verdicts} same; signatures: 0 verified, ")), "{last}");
    assert!(
        ran.stdout.contains(".sha256sum says sha256 ") && ran.stdout.contains("\nsame      image postgres ghcr.io/")
    );
    let quiet = world.check(&["--quiet"]);
    let told: Vec<&str> = quiet.stdout.lines().filter(|line| !line.starts_with("newer ")).collect();
    assert_eq!((quiet.code, told), (0, vec![last]));
}

#[test]
fn a_sum_that_changed_upstream_is_told_with_both() {
    let world = World::of_upstream();
    let other = "c".repeat(64);
    world.server.file(&kind_list(&world), format!("{other}  kind-linux-amd64\n"));
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, KIND);
    assert_eq!((ran.code, &pin["verdict"], &pin["upstream"]), (1, &"changed".into(), &other.as_str().into()));
    assert_eq!(Some(&pin["pinned"]), world.pins().pointer(KIND));
    assert_eq!(document(&ran)["ok"], false);
    let text = world.check(&["--quiet"]);
    assert!(
        text.stdout.starts_with("changed   kind linux/amd64 0.33.0\n") && text.stdout.contains(&other),
        "{}",
        text.stdout
    );
}

#[test]
fn a_list_of_sums_that_is_gone_leaves_the_file_itself_to_be_hashed() {
    let world = World::of_upstream();
    world.server.remove(&kind_list(&world));
    let ran = world.check(&["--output", "json"]);
    let found = the_one(&ran, KIND);
    assert_eq!((ran.code, &found["verdict"]), (0, &"same".into()));
    assert!(evidence(&found).contains("no list of sums") && evidence(&found).contains("404"), "{found}");
    world.server.file(kind_list(&world).trim_end_matches(".sha256sum"), "another program");
    let ran = world.check(&["--output", "json"]);
    let found = the_one(&ran, KIND);
    let other = sum(b"another program");
    assert_eq!((ran.code, &found["verdict"], &found["upstream"]), (1, &"changed".into(), &other.into()));
    world.server.remove(kind_list(&world).trim_end_matches(".sha256sum"));
    let ran = world.check(&["--output", "json"]);
    let found = the_one(&ran, KIND);
    assert_eq!((ran.code, &found["verdict"], &found["upstream"]), (1, &"gone".into(), &Value::Null));
}

#[test]
fn a_file_that_is_gone_is_gone_although_its_list_of_sums_is_there() {
    let world = World::of_upstream();
    world.server.remove(kind_list(&world).trim_end_matches(".sha256sum"));
    for more in [&[][..], &["--download"]] {
        let ran = world.check(&[&["--output", "json"], more].concat());
        let found = the_one(&ran, KIND);
        assert_eq!((ran.code, &found["verdict"]), (1, &"gone".into()), "{found}");
        assert!(evidence(&found).contains("kind-linux-amd64 answered 404 Not Found"), "{found}");
    }
}

#[test]
fn a_list_that_does_not_name_the_file_says_nothing_of_it() {
    let world = World::of_upstream();
    let pointer = "/tools/kubectl-cnpg/platforms/linux~1amd64/sha256";
    let path = world.cnpg_list();
    world.server.file(&path, format!("{}  another.tar.gz\n{}  one.tar.gz\n", "a".repeat(64), "b".repeat(64)));
    let ran = world.check(&["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(evidence(&pin(&ran, pointer)).contains("does not name kubectl-cnpg_1.30.0_linux_x86_64.tar.gz"));
}

#[test]
fn a_manifest_that_is_gone_is_gone() {
    let world = World::of_upstream();
    let url = world.pins()["manifests"]["cert-manager"]["url"].as_str().unwrap().to_owned();
    world.server.remove(path(&url));
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, "/manifests/cert-manager/sha256");
    assert_eq!((ran.code, &pin["verdict"]), (1, &"gone".into()));
    assert!(evidence(&pin).contains("answered 404 Not Found"), "{pin}");
}

#[test]
fn a_web_page_in_the_place_of_a_list_is_not_believed() {
    let world = World::of_upstream();
    world.server.then(&kind_list(&world), [Behaviour::Html]);
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, KIND);
    assert_eq!((ran.code, &pin["verdict"], &pin["upstream"]), (1, &"unknown".into(), &Value::Null));
    let evidence = evidence(&pin);
    assert!(evidence.contains("(download-not-a-file)") && evidence.contains("<!DOCTYPE html>"), "{evidence}");
    // Nor in the place of the file.
    world.server.then(kind_list(&world).trim_end_matches(".sha256sum"), [Behaviour::Html]);
    let ran = world.check(&["--output", "json", "--download"]);
    let pin = the_one(&ran, KIND);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"unknown".into()));
    let evidence = self::evidence(&pin);
    assert!(evidence.contains("(download-not-a-file)") && evidence.contains("<!DOCTYPE html>"), "{evidence}");
}

#[test]
fn a_list_that_says_two_sums_is_not_believed() {
    let world = World::of_upstream();
    let line = |letter: &str| format!("{}  kind-linux-amd64\n", letter.repeat(64));
    world.server.file(&kind_list(&world), line("a") + &line("b"));
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, KIND);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"unknown".into()));
    assert!(evidence(&pin).contains("two sums"), "{pin}");
}

#[test]
fn with_download_a_file_that_is_not_what_its_list_says_is_not_believed() {
    let world = World::of_upstream();
    world.server.file(kind_list(&world).trim_end_matches(".sha256sum"), "another program");
    assert_eq!(world.check(&[]).code, 0, "the list alone says what is pinned");
    let ran = world.check(&["--download", "--output", "json"]);
    let pin = the_one(&ran, KIND);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"unknown".into()));
    assert!(evidence(&pin).contains(&sum(b"another program")), "{pin}");
}

#[test]
fn a_tag_that_moved_is_changed() {
    let world = World::of_upstream();
    let (place, image, pinned) = postgres(&world);
    for reference in [tag(&image), &format!("sha256:{}", sum(b"{}"))] {
        world.server.file(&manifest_path(&image, reference), "{}");
    }
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, &place);
    assert_eq!((ran.code, &pin["verdict"], &pin["pinned"]), (1, &"changed".into(), &pinned.into()));
    assert_eq!(pin["upstream"], format!("sha256:{}", sum(b"{}")));
}

#[test]
fn a_tag_that_moved_to_what_a_registry_does_not_have_is_not_believed() {
    let world = World::of_upstream();
    let (place, image, _) = postgres(&world);
    world.server.file(&manifest_path(&image, tag(&image)), "{}");
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, &place);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"unknown".into()));
    assert!(evidence(&pin).contains("which is not there"), "{pin}");
    // Other bytes than those of the tag.
    world.server.file(&manifest_path(&image, &format!("sha256:{}", sum(b"{}"))), "[]");
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, &place);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"unknown".into()));
    assert!(evidence(&pin).contains(&format!("sha256:{} under the name of", sum(b"[]"))), "{pin}");
}

#[test]
fn a_digest_that_a_registry_no_longer_has_is_gone_although_its_tag_is_there() {
    let world = World::of_upstream();
    let (place, image, pinned) = postgres(&world);
    world.server.remove(&manifest_path(&image, &pinned));
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, &place);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"gone".into()));
    assert!(evidence(&pin).contains("the digest is gone"), "{pin}");
}

#[test]
fn a_tag_that_a_registry_no_longer_has_is_gone() {
    let world = World::of_upstream();
    let (place, image, pinned) = postgres(&world);
    world.server.remove(&manifest_path(&image, tag(&image)));
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, &place);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"gone".into()));
    assert!(evidence(&pin).contains("the tag is gone") && evidence(&pin).contains(&format!("{pinned} is there")));
}

#[test]
fn a_registry_that_sends_other_bytes_under_a_digest_is_not_believed() {
    let world = World::of_upstream();
    let (place, image, pinned) = postgres(&world);
    world.server.file(&manifest_path(&image, &pinned), "{}");
    let ran = world.check(&["--output", "json"]);
    let pin = the_one(&ran, &place);
    assert_eq!((ran.code, &pin["verdict"]), (1, &"unknown".into()));
}

#[test]
fn a_registry_that_wants_a_token_gets_the_one_that_it_gives_to_everybody() {
    let world = World::of_upstream();
    world.server.guard("/v2/", "anybody");
    let ran = world.check(&["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    let requests = world.server.requests();
    let tokens: BTreeSet<&String> = requests.iter().filter(|request| request.contains("/token")).collect();
    assert_eq!(tokens.len(), 7, "one for each repository, of which the node images share one: {tokens:?}");
    let scope = "GET /token?service=the-tests&scope=repository%3Apgedge%2Fpgedge-postgres%3Apull -".to_owned();
    assert!(tokens.contains(&scope), "{tokens:?}");
}

#[test]
fn a_registry_that_gives_no_token_tells_nothing() {
    let world = World::of_upstream();
    world.server.guard("/v2/", "anybody").file("/token", "{}");
    let ran = world.check(&["--output", "json"]);
    assert_eq!(ran.code, 1);
    let (place, ..) = postgres(&world);
    assert_eq!(pin(&ran, &place)["verdict"], "unknown");
    assert!(evidence(&pin(&ran, &place)).contains("gave no token"), "{}", pin(&ran, &place));
}

#[test]
fn who_is_busy_is_asked_again_when_it_says() {
    let world = World::of_upstream();
    let (_, image, _) = postgres(&world);
    let busy = || [Behaviour::Status(429, "Retry-After: 1\r\n"), Behaviour::Status(503, "")];
    world.server.then(&kind_list(&world), busy()).then(&manifest_path(&image, tag(&image)), busy());
    let began = std::time::Instant::now();
    let ran = world.check(&["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(began.elapsed() >= std::time::Duration::from_secs(1), "it did not wait as it was asked to");
    let asked = |request: &&String| request.contains(&kind_list(&world));
    assert_eq!(world.server.requests().iter().filter(asked).count(), 3);
}

#[test]
fn each_of_the_questions_at_one_time_has_its_own_attempts() {
    let world = World::of_upstream();
    let proxy = Proxy::before(&world);
    // Four questions at a time, to one host: two attempts of each lead nowhere, and the third one does not.
    proxy.refuse(8);
    let ran = proxy.check(&world, &["--output", "json"]);
    assert!(verdicts(&ran).values().all(|verdict| verdict == "same"), "{}", ran.stdout);
}

#[test]
fn without_a_network_everything_is_unknown_soon_and_nothing_is_written() {
    let world = World::of_upstream();
    let before = world.pins_text();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mirror, began) = (format!("http://{closed}"), std::time::Instant::now());
    let registries = ["docker.io", "ghcr.io", "quay.io"].map(|host| format!("{host}={mirror}")).join(",");
    let arguments = ["pins", "check", "--pins", "pins.json", "--write", "pins.json", "--output", "json"];
    let ran = world.home.run(&[&arguments[..], &["--mirror", &mirror, "--registry-mirror", &registries]].concat());
    assert_eq!((ran.code, world.pins_text()), (1, before));
    assert!(verdicts(&ran).values().all(|verdict| verdict == "unknown"), "{}", ran.stdout);
    // One question has used all of its attempts, and the others ask no longer.
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
}
