//! What a person has set for other programs does not change what `install.sh` does with them.

use crate::support::{Release, SHELLS};

#[test]
fn a_setting_of_the_persons_for_curl_or_wget_does_not_count() {
    for shell in SHELLS {
        for (downloader, file, settings) in [
            ("curl", ".curlrc", "include\n"),
            ("curl", ".curlrc", "output-dir = \"strange\"\ncreate-dirs\n"),
            ("curl", ".curlrc", "range = \"0-10\"\n"),
            ("wget", ".wgetrc", "save_headers = on\n"),
        ] {
            let release = Release::new();
            std::fs::write(release.home.path().join(file), settings).unwrap();
            let path = release.only(&[downloader, "sha256sum"]);
            let output = release.command(shell, &[]).env("PATH", path).output().unwrap();
            let ran = release.home.ran(&output);
            assert_eq!(ran.code, 0, "{shell:?} {settings:?}: {}", ran.stderr);
            assert_eq!(std::fs::read(release.place()).unwrap(), Release::released("1.2.3"));
            assert!(!release.home.path().join("strange").exists(), "{settings:?}");
        }
    }
}

#[test]
fn a_setting_of_the_persons_for_tar_or_gzip_does_not_count() {
    for shell in SHELLS {
        let release = Release::new();
        let mut command = release.command(shell, &[]);
        let output = command.env("TAR_OPTIONS", "--nonsense").env("GZIP", "--nonsense").output().unwrap();
        let ran = release.home.ran(&output);
        assert_eq!(ran.code, 0, "{shell:?}: {}", ran.stderr);
    }
}

/// As the one of a snap, which may not write into hidden folders.
#[test]
fn a_curl_that_may_not_write_everywhere_writes_where_the_shell_has_opened() {
    for shell in SHELLS {
        let release = Release::new();
        release.program(
            "curl",
            "for word; do case $word in */.*) echo 'curl: (23) Failure writing output to destination' >&2; exit 23 ;; esac; done\n\
             exec /usr/bin/curl \"$@\"",
        );
        let ran = release.install(shell, &[]);
        assert_eq!(ran.code, 0, "{shell:?}: {}", ran.stderr);
        assert_eq!(std::fs::read(release.place()).unwrap(), Release::released("1.2.3"));
    }
}
