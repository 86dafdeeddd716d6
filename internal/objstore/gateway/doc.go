// Package gateway runs a real S3 server, versitygw, in tests: on a free port of this machine, over a temporary
// directory. It can be stopped and started again, which is what an outage looks like from outside.
//
// What always holds:
//
//   - A server does not outlive its test.
//   - Start and Restart return when the server answers.
package gateway
