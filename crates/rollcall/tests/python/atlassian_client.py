"""Reads a directory with the PyPI client `atlassian-python-api`, in the way of crowd_client.py."""

import logging
import sys

from atlassian import Crowd
from requests import HTTPError

logging.disable(logging.CRITICAL)
url, application, password = sys.argv[1:]
server = Crowd(url, application, password)


def refused(call, *arguments):
    try:
        return call(*arguments)
    except HTTPError as error:
        return error.response.status_code if error.response is not None else type(error).__name__


user = server.user("Ada")
print("user", [user[it] for it in ("name", "display-name", "email", "active", "key")])
print("groups", server.user_groups("ada"), server.nested_user_groups("ada"))
print("members", server.group_members("ops"), server.nested_group_members("ops"))
print("is member", server.is_user_in_group("ada", "dev"), server.is_user_in_group("cyd", "dev"))
print("group", [server.group("DEV")[it] for it in ("name", "type", "active")])
print("attributes", server.user_attributes("ada")["attributes"], server.group_attributes("dev")["attributes"])
print("children", server.group_child_groups("ops"), server.nested_group_parent_groups("ops"))
print("cookie", sorted(server.get_cookie_config()))
print("cql", [it["name"] for it in server.search_cql("user", 'active = true and name = "*a*"')["users"]])
print("everybody", [it["name"] for it in server.search("user")["users"]])
print("notify", server.user_authentication_notify("cyd")["active"])
print("delete session", server.session_delete("token"))

print("nobody", refused(server.user, "nobody"))
print("sign in", refused(server.user_authenticate, "ada", "secret"))
print("session", refused(server.session_create, "ada", "secret"), refused(server.session_get, "token"))
print("rename", refused(server.user_rename, "ada", "eve"))
print("delete", refused(server.user_delete, "ada"), refused(server.group_delete, "dev"))
print("malformed", refused(server.search_cql, "user", "name ="))
