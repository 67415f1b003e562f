-- Which phrases were dropped, and for which reason?
select d.rejected as reason, count(*) as phrases, min(t.text) as example
from descriptors d
join texts t using (text_id)
where d.rejected <> ''
group by d.rejected
order by phrases desc, reason
