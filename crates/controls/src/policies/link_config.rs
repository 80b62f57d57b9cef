//! A link of the section `policies`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Cidr, Spanned};

/// A policy of which only a few words are its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PolicyLink")]
pub struct LinkSection {
    /// what it does
    pub template: Template,
    /// operations that it is about: their ids, `METHOD /template`, `group:read`, `group:write` or `tag:` and a tag; without it all
    #[serde(default)]
    pub actions: Option<Vec<String>>,
    /// of `roles`: who is permitted, one role is enough; of `read_only`: who is meant, without it everybody
    #[serde(default)]
    pub roles: Vec<String>,
    /// roles of those whom it does not forbid anything
    #[serde(default)]
    pub except: Vec<String>,
    /// of `tenants`: the parameter of the path, or value of the body, that says whose it is
    #[serde(default)]
    pub resource: Option<String>,
    /// of `tenants`: the claim that it has to be in, of those under `claims`
    #[serde(default)]
    pub claim: Option<String>,
    /// of `networks`: from where calls may come
    #[serde(default)]
    pub ranges: Vec<Spanned<Cidr>>,
    /// of `hours`: days of the week
    #[serde(default)]
    pub days: Vec<Day>,
    /// of `hours`: when a day begins, as in `"08:00"`
    #[serde(default)]
    pub from: Option<Spanned<String>>,
    /// of `hours`: when it ends; before its beginning, it is on the next day
    #[serde(default)]
    pub to: Option<Spanned<String>>,
}

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PolicyTemplate")]
pub enum Template {
    /// Permits whomever the contract lets in.
    Everyone,
    /// Permits who has one of the roles.
    Roles,
    /// Forbids what is of another tenant.
    Tenants,
    /// Forbids calls at other times.
    Hours,
    /// Forbids calls from elsewhere.
    Networks,
    /// Forbids to change anything.
    ReadOnly,
}

/// A day of the week, in the order of ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PolicyDay")]
pub enum Day {
    /// 1.
    Mon,
    /// 2.
    Tue,
    /// 3.
    Wed,
    /// 4.
    Thu,
    /// 5.
    Fri,
    /// 6.
    Sat,
    /// 7.
    Sun,
}
