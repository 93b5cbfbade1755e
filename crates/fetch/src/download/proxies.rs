//! The proxies that the environment names, for downloads and for the API server of an adopted cluster. They are read once, and
//! what cannot be used is told: the way that a person has asked for is not silently left.

use std::net::IpAddr;

use bootstrap_run::failure::{Failure, FailureId};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{NoProxy, Proxy, Url};

use super::client::shown;

/// Looks a variable of the environment up.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Which addresses a proxy is for, and the variables that name it: the first that says something counts.
const KINDS: [(For, [&str; 2]); 3] = [
    (For::Https, ["HTTPS_PROXY", "https_proxy"]),
    (For::Http, ["HTTP_PROXY", "http_proxy"]),
    (For::All, ["ALL_PROXY", "all_proxy"]),
];

const SCHEMES: [&str; 6] = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Https,
    Http,
    All,
}

/// The proxies of the environment, none of them for what `NO_PROXY` names.
///
/// # Errors
/// [`FailureId::ProxyInvalid`].
pub(super) fn of_environment() -> Result<Vec<Proxy>, Failure> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let mut proxies = Vec::new();
    for (kind, name, address) in addresses(&variable)? {
        let proxy = match kind {
            For::Https => Proxy::https(address.as_str()),
            For::Http => Proxy::http(address.as_str()),
            For::All => Proxy::all(address.as_str()),
        };
        proxies.push(
            proxy.map_err(|error| invalid(name, address.as_str(), &error.to_string()))?.no_proxy(NoProxy::from_env()),
        );
    }
    Ok(proxies)
}

/// The proxy that kubectl and helm would use for the API server at this address: they know no `ALL_PROXY`, and use none for this
/// machine itself.
///
/// # Errors
/// [`FailureId::ProxyInvalid`].
pub fn of_kubernetes(server: &Uri) -> Result<Option<Uri>, Failure> {
    let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    kubernetes_proxy(server, &variable)
}

fn kubernetes_proxy(server: &Uri, variables: Variables<'_>) -> Result<Option<Uri>, Failure> {
    let kind = if server.scheme_str() == Some("http") { For::Http } else { For::Https };
    let Some(host) = server.host().map(|host| host.trim_start_matches('[').trim_end_matches(']')) else {
        return Ok(None);
    };
    let is_this_machine = host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    if is_this_machine || is_excepted(server, kind, host, variables) {
        return Ok(None);
    }
    let Some((_, name, address)) = addresses(variables)?.into_iter().find(|(found, ..)| *found == kind) else {
        return Ok(None);
    };
    // The name is looked up by the proxy in both forms.
    let address = address.as_str().replacen("socks5h://", "socks5://", 1);
    if address.starts_with("socks4") {
        return Err(invalid(name, &address, "the Kubernetes API is reached by http, https and socks5 only"));
    }
    address.parse().map(Some).map_err(|error: http::uri::InvalidUri| invalid(name, &address, &error.to_string()))
}

/// Whether `NO_PROXY` names the server. What Go's programs read there and curl does not is put into curl's words: a port, a `*`
/// before a suffix, and a suffix that does not mean the domain itself.
fn is_excepted(server: &Uri, kind: For, host: &str, variables: Variables<'_>) -> bool {
    let set = ["NO_PROXY", "no_proxy"].into_iter().filter_map(variables);
    let Some(list) = set.into_iter().find(|value| !value.trim().is_empty()) else { return false };
    let port = server.port_u16().unwrap_or(if kind == For::Http { 80 } else { 443 });
    let mut entries = Vec::new();
    for entry in list.split(',').map(str::trim) {
        let (entry, only_at) = without_port(entry);
        let entry = entry.strip_prefix("*.").map_or_else(|| entry.to_owned(), |suffix| format!(".{suffix}"));
        if entry == "*" {
            return true;
        }
        let is_own_domain = entry.strip_prefix('.').is_some_and(|suffix| suffix.eq_ignore_ascii_case(host));
        if !is_own_domain && only_at.is_none_or(|only| only == port) {
            entries.push(entry);
        }
    }
    // A proxy of no importance: what counts is whether there is an exception from it.
    let matcher = Matcher::builder().all("http://proxy.invalid").no(entries.join(",")).build();
    matcher.intercept(server).is_none()
}

/// An entry of `NO_PROXY` without its port, and that. An address of IPv6 has one only behind brackets.
fn without_port(entry: &str) -> (&str, Option<u16>) {
    let (host, port) = match entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (entry, None),
        },
    };
    (host, port.and_then(|port| port.parse().ok()))
}

fn addresses(variables: Variables<'_>) -> Result<Vec<(For, &'static str, Url)>, Failure> {
    // A web server hands the header `Proxy` of a request to its programs as HTTP_PROXY.
    let is_cgi = variables("REQUEST_METHOD").is_some();
    let mut found = Vec::new();
    for (kind, names) in KINDS {
        let set = names.into_iter().filter_map(|name| Some((name, variables(name)?)));
        let Some((name, value)) = set.into_iter().find(|(_, value)| !value.trim().is_empty()) else { continue };
        if kind == For::Http && is_cgi {
            continue;
        }
        found.push((kind, name, address(name, value.trim())?));
    }
    Ok(found)
}

/// As curl reads it: without a scheme it is http.
fn address(name: &str, value: &str) -> Result<Url, Failure> {
    let with_scheme = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&with_scheme).map_err(|error| invalid(name, value, &error.to_string()))?;
    if !SCHEMES.contains(&url.scheme()) || !url.has_host() {
        return Err(invalid(name, value, &format!("its scheme is none of {}", SCHEMES.join(", "))));
    }
    Ok(url)
}

fn invalid(name: &str, value: &str, why: &str) -> Failure {
    let value =
        if value.contains("://") { shown(value) } else { value.rsplit('@').next().unwrap_or_default().to_owned() };
    Failure::new(FailureId::ProxyInvalid, format!("{name} is not the address of a proxy: {value}"))
        .evidence(why)
        .hint(format!("write it like {name}=http://proxy.example:3128, or unset it"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Vec<(For, &'static str, Url)>, Failure> {
        addresses(&|name| set.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_proxy_is_read_as_people_write_it() {
        for (value, wanted) in [
            ("http://127.0.0.1:9", "http://127.0.0.1:9/"),
            (" http://127.0.0.1:9 ", "http://127.0.0.1:9/"),
            ("proxy.example:3128", "http://proxy.example:3128/"),
            ("https://me:secret@proxy.example", "https://me:secret@proxy.example/"),
            ("socks5h://127.0.0.1:9", "socks5h://127.0.0.1:9"),
            ("[::1]:3128", "http://[::1]:3128/"),
        ] {
            let found = read(&[("HTTPS_PROXY", value)]).unwrap();
            assert_eq!(found.iter().map(|(_, _, url)| url.as_str()).collect::<Vec<_>>(), [wanted], "{value}");
        }
    }

    fn used(server: &str, set: &[(&str, &str)]) -> Option<String> {
        let variables = |name: &str| set.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned());
        kubernetes_proxy(&server.parse().unwrap(), &variables).unwrap().map(|uri| uri.to_string())
    }

    #[test]
    fn the_api_server_is_reached_as_kubectl_reaches_it() {
        let set = |no: &'static str| [("HTTPS_PROXY", "proxy.example:3128"), ("NO_PROXY", no)];
        let proxied = Some("http://proxy.example:3128/".to_owned());
        for (server, no) in [
            ("https://10.1.2.3:6443", ""),
            ("https://10.1.2.3:6443", "10.2.0.0/16, ,10.1.2.30"),
            ("https://10.1.2.3:6443", "10.1.2.3:443"),
            ("https://api.example.com:6443", "example.org,ample.com"),
            ("https://example.com:6443", ".example.com"),
            ("https://example.com:6443", "*.example.com"),
            ("https://[2001:db8::1]:6443", "2001:db9::/32"),
            ("https://[2001:db8::1]:6443", "[2001:db8::1]:443"),
        ] {
            assert_eq!(used(server, &set(no)), proxied, "{server}, NO_PROXY={no}");
        }
        for (server, no) in [
            ("https://10.1.2.3:6443", "*"),
            ("https://10.1.2.3:6443", "localhost,10.1.0.0/16,"),
            ("https://10.1.2.3:6443", "10.1.2.3"),
            ("https://10.1.2.3:6443", "10.1.2.3:6443"),
            ("https://10.1.2.3", "10.1.2.3:443"),
            ("https://api.example.com:6443", "example.com"),
            ("https://API.example.com:6443", ".Example.com"),
            ("https://api.example.com:6443", "*.example.com"),
            ("https://example.com:6443", "example.com:6443"),
            ("https://[2001:db8::1]:6443", "2001:db8::/32"),
            ("https://[2001:db8::1]:6443", "2001:db8::1"),
            ("https://[2001:db8::1]:6443", "[2001:db8::1]:6443"),
        ] {
            assert_eq!(used(server, &set(no)), None, "{server}, NO_PROXY={no}");
        }
    }

    #[test]
    fn this_machine_is_never_reached_through_a_proxy() {
        for server in ["https://127.0.0.1:6443", "https://127.3.2.1", "https://localhost:6443", "https://[::1]:6443"] {
            assert_eq!(used(server, &[("HTTPS_PROXY", "http://proxy.example")]), None, "{server}");
        }
    }

    #[test]
    fn only_the_proxy_of_the_servers_scheme_counts_for_kubernetes() {
        let server = "https://cluster.example";
        assert_eq!(used(server, &[("HTTP_PROXY", "http://a"), ("ALL_PROXY", "http://b")]), None);
        assert_eq!(used("http://cluster.example", &[("http_proxy", "http://a")]).unwrap(), "http://a/");
        assert_eq!(used(server, &[("https_proxy", "socks5h://a:1080")]).unwrap(), "socks5://a:1080/");
        let refused = kubernetes_proxy(&server.parse().unwrap(), &|name| {
            (name == "HTTPS_PROXY").then(|| "socks4://a:1080".to_owned())
        });
        assert_eq!(refused.unwrap_err().id(), FailureId::ProxyInvalid);
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        assert!(read(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "  ")]).unwrap().is_empty());
        let found = read(&[("HTTPS_PROXY", ""), ("https_proxy", "http://a")]).unwrap();
        assert_eq!(found.first().map(|(_, name, _)| *name), Some("https_proxy"));
        assert!(read(&[("HTTP_PROXY", "http://a"), ("REQUEST_METHOD", "GET")]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_address_is_told_with_its_variable_and_without_its_password() {
        for value in
            ["htp://proxy.corp:8080", "http://[::1", "http://", "socks9://127.0.0.1:9", "http://a:99999", "a b"]
        {
            let failure = read(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert_eq!(failure.id(), FailureId::ProxyInvalid, "{value}");
            assert!(failure.summary().starts_with("HTTPS_PROXY is not"), "{failure}");
        }
        for value in ["htp://me:secret@proxy.corp", "me:secret@a b"] {
            let failure = read(&[("ALL_PROXY", value)]).unwrap_err();
            assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        }
    }
}
