// Package nexmark holds queries of the Nexmark benchmark, each written with package aquifer as a user would
// write it. Their results are exact: for given parameters of the generator, the number of rows and a hash
// that does not depend on their order are known.
package nexmark
