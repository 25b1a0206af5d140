"""Lists users, roles and groups with OneLogin's own SDK and compares with the side channel.

Usage: sdk.py BASE_URL CLIENT_ID CLIENT_SECRET
"""

import json
import sys
import urllib.request

import onelogin

# Without external_id: the SDK insists on a string where some tenants send a number.
FIELDS = "id,username,email,firstname,lastname,status,state,group_id,role_ids,member_of,manager_user_id"


def main(base_url, client_id, client_secret):
    configuration = onelogin.Configuration(
        host=base_url, username=client_id, password=client_secret
    )
    with onelogin.ApiClient(configuration) as client:
        grant = onelogin.GenerateTokenRequest(grant_type="client_credentials")
        token = onelogin.OAuth2Api(client).generate_token(grant)
        configuration.access_token = token.access_token
        users = all_users(onelogin.UsersV2Api(client))
        roles = onelogin.RolesApi(client).list_roles(limit=100)
        groups = onelogin.GroupsApi(client).get_groups().data

    with urllib.request.urlopen(f"{base_url}/sandbox/tenant") as answer:
        tenant = json.load(answer)
    listed = {"users": len(users), "roles": len(roles), "groups": len(groups)}
    if listed != tenant:
        sys.exit(f"the SDK lists {listed}, the tenant has {tenant}")
    if len({user.id for user in users}) != len(users):
        sys.exit("the SDK lists somebody twice")
    strays = {role for user in users for role in user.role_ids} - {role.id for role in roles}
    if strays:
        sys.exit(f"users have roles that the list of roles does not know: {sorted(strays)}")
    print(", ".join(f"{name} {count}" for name, count in listed.items()))


def all_users(api):
    users = []
    page = 1
    while True:
        answer = api.list_users2_with_http_info(limit=100, page=page, fields=FIELDS)
        users.extend(answer.data)
        if page >= int(answer.headers["Total-Pages"]):
            return users
        page += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
