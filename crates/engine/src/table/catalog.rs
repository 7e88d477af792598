use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use adproof_feeds::AsnTable;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::TableType;
use datafusion::execution::session_state::SessionState;

use super::log::{self, Side};
use super::{ColumnDoc, Loaded, loaded};
use crate::error::EngineError;
use crate::session::Limits;
use crate::source::Table;

/// What queries may name: tables, and the table that `asn` looks into. Nothing is opened before a
/// query names it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    tables: BTreeMap<String, Named>,
    absent: BTreeMap<&'static str, &'static str>,
    pub(crate) asn: Option<(Arc<AsnTable>, Option<PathBuf>)>,
    /// Whether the rows of tables that somebody reads are read at once, to travel with a query.
    #[cfg(feature = "cluster")]
    carried: bool,
}

/// A table by what it is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Named {
    /// Files, with the columns that they have.
    Files(Table),
    /// Event logs: the rows that are events.
    Events(Vec<PathBuf>),
    /// Event logs: the rows that are no events.
    Rejects(Vec<PathBuf>),
    /// Rows that somebody reads.
    Loaded(Loaded),
}

impl Named {
    /// The columns, where adproof defines them.
    #[must_use]
    pub const fn columns(&self) -> Option<&'static [ColumnDoc]> {
        match self {
            Self::Files(_) => None,
            Self::Events(_) => Some(log::EVENTS),
            Self::Rejects(_) => Some(log::REJECTS),
            Self::Loaded(loaded) => Some(loaded.columns()),
        }
    }
}

impl Catalog {
    /// Adds a table. No two may have the same name.
    pub fn add(&mut self, name: &str, table: Named) -> Result<(), EngineError> {
        if self.tables.insert(name.to_owned(), table).is_some() {
            return Err(EngineError::DuplicateTable { name: name.to_owned() });
        }
        self.absent.remove(name);
        Ok(())
    }

    /// Adds files as a table.
    pub fn add_files(&mut self, table: Table) -> Result<(), EngineError> {
        let name = table.name().to_owned();
        self.add(&name, Named::Files(table))
    }

    /// Says what gives a table that is not there, so that a query which names it is told.
    pub fn absent(&mut self, name: &'static str, todo: &'static str) {
        if !self.tables.contains_key(name) {
            self.absent.insert(name, todo);
        }
    }

    /// Sets what `asn` looks into. The machines of a cluster read it under this path, if there is
    /// one.
    pub fn set_asn(&mut self, table: Arc<AsnTable>, path: Option<PathBuf>) {
        self.asn = Some((table, path));
    }

    /// The same for other machines.
    #[cfg(feature = "cluster")]
    pub(crate) fn carried(self) -> Self {
        Self { carried: true, ..self }
    }

    /// The tables by name.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Named)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table))
    }
}

/// Opens a table.
async fn open(
    name: &str,
    table: &Named,
    state: &SessionState,
    limits: &Limits,
) -> Result<Arc<dyn TableProvider>, EngineError> {
    Ok(match table {
        Named::Files(files) => files.open(state, limits).await?,
        Named::Events(paths) => log::open(paths, Side::Events, state, limits).await?,
        Named::Rejects(paths) => log::open(paths, Side::Rejects, state, limits).await?,
        Named::Loaded(table) => loaded(name, table)?,
    })
}

/// A schema whose tables are opened when a query names them.
pub(crate) struct Lazy {
    catalog: Catalog,
    state: SessionState,
    limits: Limits,
    opened: Mutex<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl Lazy {
    pub(crate) fn new(catalog: Catalog, state: SessionState, limits: Limits) -> Self {
        Self { catalog, state, limits, opened: Mutex::default() }
    }
}

impl std::fmt::Debug for Lazy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lazy").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}

#[async_trait]
impl SchemaProvider for Lazy {
    fn table_names(&self) -> Vec<String> {
        self.catalog.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let opened = |name: &str| {
            let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.get(name).map(Arc::clone)
        };
        if let Some(open) = opened(name) {
            return Ok(Some(open));
        }
        let Some(table) = self.catalog.tables.get(name) else {
            return match self.catalog.absent.get(name) {
                None => Ok(None),
                Some(todo) => {
                    let error = EngineError::NotGiven { table: name.to_owned(), todo };
                    Err(DataFusionError::External(Box::new(error)))
                }
            };
        };
        let provider = open(name, table, &self.state, &self.limits)
            .await
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        #[cfg(feature = "cluster")]
        let provider = match table {
            Named::Loaded(_) if self.catalog.carried => {
                Arc::new(crate::cluster::carried::Carried::of(provider).await?) as _
            }
            _ => provider,
        };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(name.to_owned(), Arc::clone(&provider));
        Ok(Some(provider))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.tables.contains_key(name)
    }
}
