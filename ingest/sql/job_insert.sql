INSERT INTO portail.job (id, process, inputs, owner, message, queue_id)
VALUES (%(id)s, %(process)s, %(inputs)s, %(owner)s, %(message)s, %(queue_id)s)
