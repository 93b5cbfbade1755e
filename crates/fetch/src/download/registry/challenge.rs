//! `WWW-Authenticate`: where a registry wants us to ask for a token
//! (<https://distribution.github.io/distribution/spec/auth/token/>).

/// `Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:kindest/node:pull"`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scope: Option<String>,
}

impl Challenge {
    /// The challenge of the scheme Bearer, which may stand behind others in one header.
    pub(super) fn bearer(header: &str) -> Option<Self> {
        let (mut inside, mut parameters) = (false, Vec::new());
        for item in split_outside_quotes(header) {
            // Before the first parameter of a challenge stands its scheme.
            let parameter = match item.split_once([' ', '\t']) {
                Some((scheme, rest)) if !scheme.contains('=') => {
                    inside = scheme.eq_ignore_ascii_case("bearer");
                    rest.trim()
                }
                None if !item.contains('=') => {
                    inside = item.eq_ignore_ascii_case("bearer");
                    ""
                }
                _ => item,
            };
            if inside {
                parameters.extend(parameter.split_once('='));
            }
        }
        let value = |wanted: &str| {
            let found = parameters.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| unquoted(value.trim()))
        };
        Some(Self { realm: value("realm")?, service: value("service"), scope: value("scope") })
    }
}

fn split_outside_quotes(header: &str) -> Vec<&str> {
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    let mut parts = Vec::new();
    for (place, letter) in header.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(header[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    parts.push(header[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        text.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_challenges_of_real_registries_are_understood() {
        let docker = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:kindest/node:pull""#;
        let found = Challenge::bearer(docker).unwrap();
        assert_eq!(found.realm, "https://auth.docker.io/token");
        assert_eq!(found.service.as_deref(), Some("registry.docker.io"));
        assert_eq!(found.scope.as_deref(), Some("repository:kindest/node:pull"));
    }

    #[test]
    fn a_comma_inside_quotes_ends_nothing_and_names_have_no_case() {
        let found = Challenge::bearer(r#"bearer Realm="https://a/t", scope="repository:a/b:pull,push""#).unwrap();
        assert_eq!(found.scope.as_deref(), Some("repository:a/b:pull,push"));
        assert_eq!(found.service, None);
        assert_eq!(Challenge::bearer(r#"Bearer realm="a\"b""#).unwrap().realm, "a\"b");
        assert_eq!(Challenge::bearer("Bearer realm=https://a/t").unwrap().realm, "https://a/t");
    }

    #[test]
    fn a_bearer_behind_another_scheme_is_found_with_its_own_parameters() {
        let found = Challenge::bearer(r#"Basic realm="people", Bearer realm="https://a/t",service="s""#).unwrap();
        assert_eq!((found.realm.as_str(), found.service.as_deref()), ("https://a/t", Some("s")));
        let found = Challenge::bearer(r#"Bearer realm="https://a/t", Basic realm="people", service="other""#).unwrap();
        assert_eq!((found.realm.as_str(), found.service), ("https://a/t", None));
    }

    #[test]
    fn what_is_no_bearer_challenge_is_none() {
        for header in ["", "Negotiate", r#"Basic realm="people""#, "Bearer", r#"Bearer service="s""#, ",,,", "\""] {
            assert_eq!(Challenge::bearer(header), None, "{header}");
        }
    }
}
