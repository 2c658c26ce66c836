// Package databrickstest is a Databricks workspace in memory, for tests and
// for trying things out: no account, no network.
//
//	server := databrickstest.NewServer()
//	defer server.Close()
//	client := server.Client()
//
// It answers as the service does: objects change their states with time, and
// limits, defaults and errors are those of the real thing. Clients in other
// languages reach it at Server.URL with Server.Token.
//
// Time is the real clock's unless [WithClock] or [WithSpeed] say otherwise.
// Nothing runs in the background: an object is brought up to date when somebody
// looks at it. So a workspace works inside a testing/synctest bubble, where an
// hour takes no time, provided that it is made there; it then opens no socket,
// and [Server.Transport] or Server.Client is the way in.
//
// What goes wrong in the world can be made to go wrong here: see [Fault] and
// [Server.Inject]. [Server.Requests] tells what was received.
package databrickstest
