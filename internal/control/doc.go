// Package control lets people look at a running job and ask it for something: each process serves HTTP with JSON on a
// Unix socket, which is found in a directory of the user.
//
// What always holds:
//
//   - A socket that can be found is served, or was left by a process that was killed: connecting to it tells which.
//   - Only its user can connect: the directory has mode 0700 and the socket 0600 before anybody can find it.
//   - A request hears what became of it before the socket goes: the number of a checkpoint, how the job ended, or why not.
package control
