"""Reads a directory with the PyPI client `Crowd`: URL, application and password are the arguments."""

import sys

import crowd

url, application, password = sys.argv[1:]
server = crowd.CrowdServer(url, application, password, timeout=30)

print("ping", server.auth_ping())
print("ping with a wrong password", crowd.CrowdServer(url, application, "wrong").auth_ping())
print("cookie", sorted(server.get_cookie_conf()))

user = server.get_user("ADA")
print("user", [user[it] for it in ("name", "display-name", "email", "active", "key")])
print("nobody", server.get_user("nobody"))
print("exists", server.user_exists("bob"), server.user_exists("nobody"))
print("groups", server.get_groups("ada"), server.get_nested_groups("ada"), server.get_groups("nobody"))
print("members", server.get_nested_group_users("ops"))
print("memberships", sorted((group, sorted(it["users"]), it["groups"]) for group, it in server.get_memberships().items()))
print("search", [it["name"] for it in server.search("user", "email", "@acme.test")["users"]])
print("page", [it["name"] for it in server.search("user", "email", "@", start_index=1, max_results=1)["users"]])
print("groups found", [it["name"] for it in server.search("group", "name", "o")["groups"]])

print("sign in", server.auth_user("ada", "secret"), server.get_session("ada", "secret"))
print("session", server.validate_session("token"), server.terminate_session("token"))
print("add user", server.add_user("eve", email="e@acme.test", password="secret"))
print("deactivate", server.set_active("ada", False))
print("add member", server.add_user_to_group("cyd", "dev"), server.remove_user_from_group("ada", "dev"))
print("create group", server.create_group("new"))
print("remove group", server.remove_group("dev"))
