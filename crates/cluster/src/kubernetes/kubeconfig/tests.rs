use super::*;

/// A kubeconfig whose entries are all called `name`.
fn one(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {name}\n\
         clusters: [{{name: {name}, cluster: {{server: 'https://{name}:6443'}}}}]\n\
         users: [{{name: {name}, user: {{token: of-{name}}}}}]\n\
         contexts: [{{name: {name}, context: {{cluster: {name}, user: {name}}}}}]\n"
    )
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn files(&self, variable: &str) -> Result<Vec<PathBuf>> {
        kubeconfigs(Some(OsStr::new(variable)), self.0.path(), Some(&self.0.path().join("home")))
    }

    fn adoption(&self, variable: &str) -> Result<Adoption> {
        Ok(Adoption { kubeconfigs: self.files(variable)?, site: None, bin: PathBuf::new(), fit: None })
    }

    /// Which server kubectl would use, and the whole of our file.
    fn chosen(&self, variable: &str) -> Result<(String, String)> {
        let ours = self.0.path().join("ours");
        let site = write_adopted(&self.adoption(variable)?, &ours)?;
        Ok((site.context("no file is there")?.server, fs_err::read_to_string(ours)?))
    }
}

fn seen(error: &anyhow::Error) -> String {
    let failure = bootstrap_run::failure::of(error).unwrap();
    assert_eq!(failure.id(), FailureId::KubeconfigInvalid, "{failure}");
    failure.seen().join("\n")
}

#[test]
fn files_are_taken_by_the_rules_of_kubectl() {
    let without_current = one("c").replace("current-context: c", "current-context: ''");
    let folder = Folder::new(&[
        ("a", &one("a")),
        ("sub/b", &one("b")),
        ("c", &without_current),
        ("empty", ""),
        ("other-a", &one("a").replace("https://a:", "https://elsewhere:")),
        ("home/.kube/config", &one("home")),
    ]);
    for (variable, server) in [
        ("", "home"),
        ("a", "a"),
        ("./sub/b", "b"),
        ("sub/../a", "a"),
        ("a:sub/b", "a"),
        ("sub/b:a", "b"),
        (":a:", "a"),
        ("nowhere:sub/b", "b"),
        ("c:sub/b", "b"),
        ("empty:a", "a"),
        ("a:other-a", "a"),
        ("other-a:a", "elsewhere"),
        ("a:a", "a"),
    ] {
        let (found, _) = folder.chosen(variable).unwrap();
        assert_eq!(found, format!("https://{server}:6443"), "KUBECONFIG={variable}");
    }
}

#[test]
fn no_other_file_is_taken_where_none_of_the_named_is_there() {
    let folder = Folder::new(&[("home/.kube/config", &one("home"))]);
    for variable in ["nowhere", "nowhere:neither", ":", "home/.kube/config/below:nowhere"] {
        let found = folder.chosen(variable);
        assert!(found.is_err(), "KUBECONFIG={variable}: {found:?}");
    }
    assert!(kubeconfigs(None, Path::new("/"), None).unwrap() == [Path::new(OF_KUBEADM)]);
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[test]
fn what_is_relative_in_a_file_counts_from_its_own_folder() {
    let text = one("b")
        .replace("server:", "certificate-authority: ca.crt, server:")
        .replace("token: of-b", "client-certificate: pki/c.crt, client-key: /k, exec: {command: ./bin/login}");
    let folder = Folder::new(&[("sub/b", &text), ("sub/ca.crt", PEM), ("sub/pki/c.crt", "x")]);
    let error = folder.chosen("sub/b").unwrap_err();
    assert_eq!(seen(&error), "client-key /k: it is not there");
    let text = text.replace("client-key: /k", "client-key: ca.crt");
    fs_err::write(folder.0.path().join("sub/b"), text).unwrap();
    let (_, ours) = folder.chosen("sub/b").unwrap();
    for path in ["sub/ca.crt", "sub/pki/c.crt", "sub/./bin/login"] {
        assert!(ours.contains(&folder.0.path().join(path).display().to_string()), "{path}: {ours}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_the_reason() {
    let base = one("a");
    for (text, words) in [
        ("this: [is broken".to_owned(), "line 1"),
        (base.replace("token: of-a", "token: [secret]"), "line"),
        (base.replace("current-context: a", "current-context: b"), "there is no context \"b\""),
        (base.replace("current-context: a\n", ""), "no context is its current one"),
        (base.replace("{cluster: a,", "{cluster: b,"), "names the cluster \"b\", which is not there"),
        (base.replace("user: a}}]", "user: b}}]"), "names the user \"b\", which is not there"),
        (base.replace("server: 'https://a:6443'", "insecure-skip-tls-verify: true"), "the cluster \"a\" has no server"),
        (base.replace("server:", "certificate-authority: nowhere.crt, server:"), "nowhere.crt"),
        (base.replace("users: [", "users: [{name: a, user: {}}, "), "the user \"a\" is in it twice"),
    ] {
        let folder = Folder::new(&[("a", &text)]);
        let error = folder.chosen("a").unwrap_err();
        assert!(seen(&error).contains(words), "{text}: {}", seen(&error));
        assert!(!seen(&error).contains("secret"), "{}", seen(&error));
    }
    let folder = Folder::new(&[]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.0.path().join("a")).unwrap();
    assert!(seen(&folder.chosen("a").unwrap_err()).contains("a pipe or a socket"));
    let folder = Folder::new(&[("a/b", "")]);
    assert!(seen(&folder.chosen("a").unwrap_err()).contains("directory"));
}

#[test]
fn a_switched_context_is_not_followed_and_another_server_is_refused() {
    let both = one("a").replace("current-context: a\n", "");
    let folder = Folder::new(&[("a", &both), ("b", &one("b"))]);
    let ours = folder.0.path().join("ours");
    let mut adoption = folder.adoption("a:b").unwrap();
    adoption.site = Some(Site { context: "a".into(), server: "https://a:6443".into(), uid: Some("1".into()) });
    let site = write_adopted(&adoption, &ours).unwrap();
    assert_eq!(site, adoption.site);
    let file = Kubeconfig::read_from(&ours).unwrap();
    assert_eq!(file.current_context.as_deref(), Some("a"));
    assert_eq!((file.clusters.len(), file.auth_infos.len()), (1, 1));
    let way = way(file, |seen| Failure::new(FailureId::KubeconfigInvalid, seen)).unwrap();
    assert_eq!(way.mark.unwrap().uid.as_deref(), Some("1"));
    fs_err::write(folder.0.path().join("a"), both.replace("https://a:", "https://c:")).unwrap();
    let error = write_adopted(&adoption, &ours).unwrap_err();
    let failure = bootstrap_run::failure::of(&error).unwrap();
    assert_eq!(failure.id(), FailureId::ClusterChanged);
    assert!(failure.seen() == ["adopted: https://a:6443", "now:     https://c:6443"], "{:?}", failure.seen());
}
